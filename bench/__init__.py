"""Benchmarks. Each compares the app with a reference in the same run and prints ratios."""
