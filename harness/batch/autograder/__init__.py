"""Gradescope's autograder: the zip that is uploaded there, and what runs there. Must not know how grading works."""
