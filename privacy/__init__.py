"""What must not stay, and proof that it went."""
