"""Points from facts: pure functions over the model. Must not read files, clocks or containers."""
