"""Readers of what students hand in, and the writer of the unpacked tree."""
