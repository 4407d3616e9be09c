"""Hostile submissions, each with the finding it must end in. `make hostile` runs them all; see `case`."""
