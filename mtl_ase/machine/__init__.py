"""Machine-dependent settings: cores, cache folder, process pools, precision, CPU speed."""
