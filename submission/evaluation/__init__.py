"""The evaluation: what an adapter learned, measured and written as a report."""
