"""The fold: facts become state, whatever order they come in."""
