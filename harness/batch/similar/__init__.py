"""Compares the submissions of runs pair by pair: adapters, code, predictions. Must not judge, only rank."""
