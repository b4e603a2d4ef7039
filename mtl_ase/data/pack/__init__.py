"""Packs: decoded labels of a split in compressed shards beside the data; see `format`."""

from mtl_ase.data.pack.build import build_pack
from mtl_ase.data.pack.comparison import same_as_files
from mtl_ase.data.pack.in_use import remove_unused
from mtl_ase.data.pack.location import find_pack, pack_folder, stale_packs
from mtl_ase.data.pack.maps import map_names
from mtl_ase.data.pack.reader import Pack, PackDamaged
from mtl_ase.data.pack.sources import fingerprint

__all__ = [
    "Pack",
    "PackDamaged",
    "build_pack",
    "find_pack",
    "fingerprint",
    "map_names",
    "pack_folder",
    "remove_unused",
    "same_as_files",
    "stale_packs",
]
