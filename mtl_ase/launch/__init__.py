"""Processes: starting trainings, ending with their parents, signals, ranks, SLURM, loader workers.

Two environment variables tell a process who started it: `MTL_ASE_PARENT` (a sweep or a search) and
`MTL_ASE_LAUNCHER` (the first of several ranks).
"""
