"""Deletion with proof: plan, approve, quarantine, purge, verify by a second reading, certify."""
