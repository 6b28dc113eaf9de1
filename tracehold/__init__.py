"""The face and the wiring: command line, HTTP, web pages, composition root."""

__version__ = "0.1.0"
