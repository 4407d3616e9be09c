"""Takes submissions through the stages and keeps their records. Must not know how a stage does its work."""
