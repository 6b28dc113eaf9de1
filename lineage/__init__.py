"""What happened, and what came from what: journal, state, graph, trace, evidence."""
