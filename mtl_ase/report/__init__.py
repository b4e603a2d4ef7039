"""Reports: tables, contact sheets, figures."""

from mtl_ase.report.figures import draw_losses, draw_routers
from mtl_ase.report.legend import draw_legend
from mtl_ase.report.sheets import compose_sheet, write_sheets
from mtl_ase.report.table import print_results, results_table

__all__ = [
    "compose_sheet",
    "draw_legend",
    "draw_losses",
    "draw_routers",
    "print_results",
    "results_table",
    "write_sheets",
]
