"""Process handling: starting trainings, orphaned processes, signals, ranks, SLURM, loader workers.

Two environment variables hold the PID of the process that started this one: `MTL_ASE_PARENT` (a
sweep or a search) and `MTL_ASE_LAUNCHER` (rank 0 under Lightning's launcher).
"""
