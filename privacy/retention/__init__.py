"""Retention: how long, until when, and what to do then."""
