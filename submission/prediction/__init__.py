"""The answers: many prompts at a time, with the same text as one at a time."""
