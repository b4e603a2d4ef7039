"""Sweeps: every job is a process with its own run folder; a summary lists the results of all."""

from mtl_ase.sweeps.job import Job
from mtl_ase.sweeps.job_folder import job_folder
from mtl_ase.sweeps.job_process import run_in_process
from mtl_ase.sweeps.jobs import jobs_of
from mtl_ase.sweeps.overrides import as_typed, is_swept, key_of, leaf, value_of
from mtl_ase.sweeps.report import SweepReport

__all__ = [
    "Job",
    "SweepReport",
    "as_typed",
    "is_swept",
    "job_folder",
    "jobs_of",
    "key_of",
    "leaf",
    "run_in_process",
    "value_of",
]
