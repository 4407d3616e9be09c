"""The words of the grader as frozen dataclasses. No input or output happens here; validation is in `harness.schema`."""
