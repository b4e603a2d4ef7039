"""The synthetic data set: rendered once into a cache folder, in the PASCAL_MT layout."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_ase.base.bounds import Positive, Seed, Size
from mtl_ase.base.errors import UserError
from mtl_ase.machine.cache import CACHE_VARIABLE, cache_folder
from mtl_ase.machine.cores import usable_cores
from mtl_ase.scenes.generation import SPLITS, generate, render_image, scene_name
from mtl_ase.scenes.render import Scene
from mtl_ase.scenes.writing import make_folders, write_split

RENDERER_VERSION = 3
"""Increase it whenever a change of the renderer changes a single byte of a file."""

MANIFEST = "scenes.json"


class Scenes:
    """A set of small synthetic 3-D scenes with exact labels for every task.

    Image k of a split depends only on (seed, split, k, size) and the renderer's version, not on the
    number of images or workers, or on the order of rendering.
    """

    def __init__(
        self,
        num_train: Positive = 2000,
        num_val: Positive = 200,
        size: Size = (128, 128),
        seed: Seed = 0,
        workers: Positive | None = None,
    ) -> None:
        """Store the parameters; nothing is rendered before `prepare`.

        Args:
            num_train: images in `ImageSets/Context/train.txt`.
            num_val: images in `ImageSets/Context/val.txt`.
            size: height and width of the images in pixels.
            seed: seed of all randomness.
            workers: number of rendering processes; None for the number of usable cores.
        """
        self.counts = dict(zip(SPLITS, (num_train, num_val), strict=True))
        self.size = (int(size[0]), int(size[1]))
        self.seed = seed
        self.workers = workers or usable_cores()

    def parameters(self) -> dict[str, object]:
        """Everything that the files depend on, as written to `scenes.json`."""
        return {
            "num_train": self.counts["train"],
            "num_val": self.counts["val"],
            "size": list(self.size),
            "seed": self.seed,
            "renderer_version": RENDERER_VERSION,
        }

    def fingerprint(self) -> str:
        """Twelve hex digits, a hash of `parameters`."""
        text = json.dumps(self.parameters(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def render(self, split: str, index: int) -> Scene:
        """Render one image of the set and its labels in memory."""
        return render_image(self.seed, split, index, self.size)

    def prepare(self, root: Path | None = None) -> Path:
        """Render the set on first use; returns its folder.

        The set is rendered into a hidden sibling folder that is renamed when complete, so a folder
        with a `scenes.json` is always complete. If two processes render the same set, the slower
        one discards its result.

        Args:
            root: the folder; None for `scenes-<fingerprint>` in the cache folder, which is
                $MTL_ASE_CACHE or ~/.cache/mtl_ase.

        Raises:
            UserError: root holds something else than this very set, or can't be written to.
        """
        root = Path(root) if root is not None else cache_folder() / f"scenes-{self.fingerprint()}"
        if self._is_ready(root):
            return root
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
            with _draft(root) as draft:
                self._render_into(draft)
                self._move_to(root, draft)
        except OSError as error:
            raise UserError(
                f"scenes can't be written to {root} ({error.strerror or error}); make space or "
                f"give the folder write permission, or set {CACHE_VARIABLE} or data.root to "
                "another one."
            ) from error
        return root

    def _move_to(self, root: Path, draft: Path) -> None:
        try:
            draft.rename(root)
        except OSError:
            if not self._is_ready(root):
                raise

    def _is_ready(self, root: Path) -> bool:
        if not root.exists() or (root.is_dir() and not any(root.iterdir())):
            return False
        if _fingerprint_in(root / MANIFEST) == self.fingerprint():
            return True
        raise UserError(
            f"{root} holds other files than scenes {self.fingerprint()}: "
            "name an empty or new folder for the data set, or delete this one."
        )

    def _render_into(self, root: Path) -> None:
        make_folders(root)
        generate(root, self.counts, self.seed, self.size, self.workers)
        for split, count in self.counts.items():
            write_split(root, split, [scene_name(split, k) for k in range(count)])
        manifest = {"fingerprint": self.fingerprint(), **self.parameters()}
        (root / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _fingerprint_in(manifest: Path) -> object:
    """The fingerprint of the set that a folder holds, or None if it holds none."""
    try:
        return json.loads(manifest.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


@contextmanager
def _draft(root: Path) -> Iterator[Path]:
    """A new hidden folder beside root, deleted afterwards unless it was renamed."""
    draft = root.parent / f".{root.name}.{uuid.uuid4().hex[:8]}.draft"
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            f"{root} can't be written to ({error.strerror}); name another folder for the data set."
        ) from error
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
