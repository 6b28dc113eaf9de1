"""Backups of a workspace: taken while the server runs, restored with every erasure kept."""
