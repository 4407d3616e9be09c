"""The gate for adapters."""
