"""A local page in the browser: drop a picture, see its maps and which experts fired where."""

from mtl_ase.app.answer import Answer, answer
from mtl_ase.app.page import serve

__all__ = ["Answer", "answer", "serve"]
