"""What licenses allow: terms, their meet over everything a model was made from, the verdict."""
