"""Label readers: how each kind of label is located, decoded and warped."""

from mtl_ase.data.labels.depth import Depth
from mtl_ase.data.labels.edges import Edges
from mtl_ase.data.labels.human_parts import HumanParts
from mtl_ase.data.labels.label import IGNORE, ClassMap, Label
from mtl_ase.data.labels.normals import Normals
from mtl_ase.data.labels.nyud import NYUDDepth, NYUDEdges, NYUDNormals, NYUDSemseg
from mtl_ase.data.labels.saliency import Saliency
from mtl_ase.data.labels.semseg import Semseg

__all__ = [
    "IGNORE",
    "ClassMap",
    "Depth",
    "Edges",
    "HumanParts",
    "Label",
    "NYUDDepth",
    "NYUDEdges",
    "NYUDNormals",
    "NYUDSemseg",
    "Normals",
    "Saliency",
    "Semseg",
]
