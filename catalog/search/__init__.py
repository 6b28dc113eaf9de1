"""Full-text search over what a catalog holds: names, columns, descriptions, tags, owners."""
