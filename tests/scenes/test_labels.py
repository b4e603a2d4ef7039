"""Kinds, background objects, settings and label ids agree with each other."""

from __future__ import annotations

from mtl_ase.scenes.clutter import CLUTTER
from mtl_ase.scenes.kinds import KINDS
from mtl_ase.scenes.labels import CONTEXT_IDS, PART_NAMES, PART_OF_LIMB, VOC_NAMES, semseg_id
from mtl_ase.scenes.settings import SETTINGS


def test_the_kinds_are_vocs_in_order() -> None:
    assert ("background", *KINDS) == VOC_NAMES
    assert [semseg_id(name) for name in KINDS] == list(range(1, 21))
    assert all(semseg_id(name) == 0 for name in CLUTTER)


def test_everything_that_can_occur_has_a_context_id() -> None:
    named = {*KINDS, *CLUTTER, "sky", "mountain", "tree"}
    for setting in SETTINGS.values():
        named |= {*setting.base, *setting.overlay, *setting.clutter, setting.wall}
        assert set(setting.clutter) <= set(CLUTTER)
    assert named <= set(CONTEXT_IDS)
    assert len(set(CONTEXT_IDS.values())) == len(CONTEXT_IDS)


def test_the_settings_of_every_kind_exist() -> None:
    assert all(set(kind.settings) <= set(SETTINGS) for kind in KINDS.values())


def test_the_six_human_parts_are_all_made() -> None:
    assert len(PART_NAMES) == len(PART_OF_LIMB)
    assert set(PART_OF_LIMB) == set(range(7))
