"""The graph port and its two engines."""
