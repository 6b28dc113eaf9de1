"""The fold of a server, in a process of its own: what is said to it, it, and who speaks to it."""
