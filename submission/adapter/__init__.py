"""An adapter on disk: its files, its size, and what the grader takes of it."""
