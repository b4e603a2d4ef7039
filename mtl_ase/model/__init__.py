"""The network: encoder, adapters, decoder."""

from mtl_ase.model.components import Count, count_all, count_parameters
from mtl_ase.model.network import MultiTaskNetwork, Prediction
from mtl_ase.model.routing import Routing

__all__ = ["Count", "MultiTaskNetwork", "Prediction", "Routing", "count_all", "count_parameters"]
