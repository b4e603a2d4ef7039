"""Tools for the developers of this framework: torture, soak, and benchmarks."""
