"""The benchmarks: each compares with a reference in the same run and prints ratios."""
