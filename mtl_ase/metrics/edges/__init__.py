"""Edge metrics: non-maximum suppression, thinning, matching, precision and recall."""

from mtl_ase.metrics.edges.counts import EdgeCounts, count_edges
from mtl_ase.metrics.edges.curve import EdgeCurve, edge_curve
from mtl_ase.metrics.edges.matching import Matching
from mtl_ase.metrics.edges.ods_f import OdsF
from mtl_ase.metrics.edges.suppression import suppress

__all__ = [
    "EdgeCounts",
    "EdgeCurve",
    "Matching",
    "OdsF",
    "count_edges",
    "edge_curve",
    "suppress",
]
