"""Evaluation: protocols, per-image counts, significance tests, files of predictions."""

from mtl_ase.evaluation.constant_predictor import ConstantPredictor
from mtl_ase.evaluation.details import Details, read_details
from mtl_ase.evaluation.per_image_counts import PerImageCounts
from mtl_ase.evaluation.prediction_files import PredictionFiles, write_prediction
from mtl_ase.evaluation.protocol import EvalProtocol, Reference, order_of
from mtl_ase.evaluation.published import Published, published
from mtl_ase.evaluation.scorer import Scorer
from mtl_ase.evaluation.scores import Scores
from mtl_ase.evaluation.statistics import Comparison, Interval, bootstrap, compare

__all__ = [
    "Comparison",
    "ConstantPredictor",
    "Details",
    "EvalProtocol",
    "Interval",
    "PerImageCounts",
    "PredictionFiles",
    "Published",
    "Reference",
    "Scorer",
    "Scores",
    "bootstrap",
    "compare",
    "order_of",
    "published",
    "read_details",
    "write_prediction",
]
