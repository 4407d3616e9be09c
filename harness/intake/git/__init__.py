"""Reads a git repository as if it were an archive."""
