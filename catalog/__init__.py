"""What each thing is and what it may be used for."""
