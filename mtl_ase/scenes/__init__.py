"""The synthetic data set: a procedural renderer of small 3-D scenes with exact labels."""

from mtl_ase.scenes.render import Scene, render_scene
from mtl_ase.scenes.scene_set import Scenes

__all__ = ["Scene", "Scenes", "render_scene"]
