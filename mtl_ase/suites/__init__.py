"""Suites: the paper's table and figures, and studies of our own, each by one command."""
