"""Intake: what a student hands in, read without trust. Unpacks, inspects scripts and adapter; runs nothing."""
