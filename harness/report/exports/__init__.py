"""Grades in the form that a gradebook takes, a file a format: data in, text out. Must not read or write files."""
