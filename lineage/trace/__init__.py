"""Answers about lineage: walk the graph, say how complete the answer is, show it."""
