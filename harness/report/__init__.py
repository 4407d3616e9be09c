"""Shows a record to a person. Must not change one, nor know how it came about."""
