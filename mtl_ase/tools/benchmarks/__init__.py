"""Benchmarks: speed ratios to other implementations, timed alternately in one run."""
