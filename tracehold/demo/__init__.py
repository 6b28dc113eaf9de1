"""The demo: the whole story on real flights, joined with customers that nobody is."""
