"""HTTP: the lineage endpoint, acts, questions, gates, health, metrics, login."""
