"""Reports: tables on the terminal, contact sheets, figures, files of an evaluation."""

from mtl_ase.report.figures import draw_gradients, draw_losses, draw_routers
from mtl_ase.report.legend import draw_legend
from mtl_ase.report.scores import refuse_links, write_scores
from mtl_ase.report.sheets import compose_sheet, picture_rows, write_sheets
from mtl_ase.report.table import print_comparison, print_results, print_scores, results_table

__all__ = [
    "compose_sheet",
    "draw_gradients",
    "draw_legend",
    "draw_losses",
    "draw_routers",
    "picture_rows",
    "print_comparison",
    "print_results",
    "print_scores",
    "refuse_links",
    "results_table",
    "write_scores",
    "write_sheets",
]
