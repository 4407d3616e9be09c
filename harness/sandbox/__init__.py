"""Runs untrusted programs under limits. Must not know what a stage or an assignment is."""
