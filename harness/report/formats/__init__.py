"""A record as other programs read it: pure functions from a record to a text."""
