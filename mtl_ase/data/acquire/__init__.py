"""Obtaining a data set: finding or downloading its archive, and unpacking it."""

from mtl_ase.data.acquire.archives import ARCHIVES, Archive
from mtl_ase.data.acquire.download import download
from mtl_ase.data.acquire.obtain import obtain
from mtl_ase.data.acquire.unpack import unpack

__all__ = ["ARCHIVES", "Archive", "download", "obtain", "unpack"]
