"""A run as a web site of plain files: data in, text out. Must not read a run folder, nor write a file."""
