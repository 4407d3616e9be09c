"""The only reader of schemas/: turns a file into data, or into problems with line, column, JSON pointer and remedy."""
