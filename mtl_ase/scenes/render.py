"""Rendering an image of a scene and its exact labels.

Legend: H W pixels, N = HW, C red green blue, 3 x y z.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl_ase.scenes import shading
from mtl_ase.scenes.casting import cast_rays
from mtl_ase.scenes.ground_truth import camera_normals, parts_of, salient_things
from mtl_ase.scenes.labels import CONTEXT_IDS, PERSON, semseg_id
from mtl_ase.scenes.layout import Plan, draw_plan
from mtl_ase.scenes.solids import Floats, Ints, Solids, solids_of
from mtl_ase.scenes.surfaces import Surfaces, visible_surfaces
from mtl_ase.scenes.textures import albedo
from mtl_ase.scenes.views import View, perspective

Bytes = NDArray[np.uint8]


class Scene(NamedTuple):
    """A rendered image and its labels."""

    image_HWC: Bytes
    semseg_HW: Bytes
    parts_HW: Bytes
    saliency_HW: Bytes  # 0 or 1
    label_map_HW: NDArray[np.uint16]
    normals_3HW: Floats  # unit; zero for sky; x right, y down, z towards the viewer
    depth_HW: Floats  # metres along the optical axis; 0 for sky
    thing_HW: Ints  # number of the thing, ground zone or (last) sky
    limb_HW: Ints  # index into `PART_NAMES`, 0 where there is no person
    names: list[str]  # PASCAL-Context names by number in thing_HW

    @property
    def people(self) -> list[int]:
        """Numbers in thing_HW of the visible persons."""
        visible = np.unique(self.thing_HW[self.semseg_HW == PERSON])
        return [int(number) for number in visible]


def render_scene(rng: np.random.Generator, size: tuple[int, int] = (128, 128)) -> Scene:
    """Draw a random plan and render it at `size` (height, width) pixels."""
    height, width = size
    return render_plan(draw_plan(rng, width / height), rng, size)


def render_plan(plan: Plan, rng: np.random.Generator, size: tuple[int, int]) -> Scene:
    """Render a plan at `size` (height, width) pixels; `rng` draws only the sensor noise."""
    view = perspective(plan.camera, *size)
    solids, paints = solids_of(plan.things)
    paints += [zone.paint for zone in plan.zones]
    first_zone = len(paints) - len(plan.zones)
    surfaces = visible_surfaces(
        view, cast_rays(view, solids), solids, plan.zones, len(plan.things), first_zone
    )
    albedo_3N = albedo(paints, surfaces.paint_N, surfaces.local_3N, surfaces.unit_3N)
    image_HWC = _develop(plan, view, solids, surfaces, albedo_3N, rng)
    return _labelled(plan, view, surfaces, image_HWC)


def _develop(
    plan: Plan,
    view: View,
    solids: Solids,
    surfaces: Surfaces,
    albedo_3N: Floats,
    rng: np.random.Generator,
) -> Bytes:
    light = plan.light
    near = [thing.position[0] for thing in plan.things if thing.position[0] < 12]
    shadow_N = shading.shadow_mask(light, surfaces, solids, 3 + max(near, default=5.0))
    colour_3N = albedo_3N * shading.irradiance(light, surfaces, shadow_N)
    colour_3N = shading.add_haze(light, colour_3N, surfaces.depth_N)
    sky_N = surfaces.depth_N == 0
    if sky_N.any():
        colour_3N[:, sky_N] = shading.sky_colour(light, view, view.grid()[:, sky_N])
    return shading.expose(light, colour_3N, view, rng)


def _labelled(plan: Plan, view: View, surfaces: Surfaces, image_HWC: Bytes) -> Scene:
    names = [t.name for t in plan.things] + [z.name for z in plan.zones] + ["sky"]
    semseg_K = np.array([semseg_id(name) for name in names], np.uint8)
    label_K = np.array([CONTEXT_IDS[name] for name in names], np.uint16)
    size = (view.height, view.width)
    thing_HW = surfaces.thing_N.reshape(size)
    normals_3N = camera_normals(view.rotation_33, surfaces.normal_3N)
    return Scene(
        image_HWC=image_HWC,
        semseg_HW=semseg_K[thing_HW],
        parts_HW=parts_of(surfaces.limb_N).reshape(size),
        saliency_HW=salient_things(thing_HW, semseg_K > 0)[thing_HW].astype(np.uint8),
        label_map_HW=label_K[thing_HW],
        normals_3HW=normals_3N.reshape(3, *size),
        depth_HW=surfaces.depth_N.reshape(size),
        thing_HW=thing_HW,
        limb_HW=surfaces.limb_N.reshape(size),
        names=names,
    )
