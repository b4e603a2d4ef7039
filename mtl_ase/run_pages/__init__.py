"""Pages: a run, or several compared, as one HTML file that needs no network and no server."""

from mtl_ase.run_pages.run_content import RunContent
from mtl_ase.run_pages.run_page import write_run_page
from mtl_ase.run_pages.runs_page import write_runs_page
from mtl_ase.run_pages.samples import SampleSet, choose_samples

__all__ = ["RunContent", "SampleSet", "choose_samples", "write_run_page", "write_runs_page"]
