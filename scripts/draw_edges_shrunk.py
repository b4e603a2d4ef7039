"""Draw docs/figures/edges_shrunk.png: `python scripts/draw_edges_shrunk.py [FILE]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options, make_folder
from mtl_ase.config import exit_on_wrong_use

SOURCE_HW, INPUT_HW = (375, 500), (224, 224)
SCENES = (3, 8)
DEFAULT = Path(__file__).parents[1] / "docs" / "figures" / "edges_shrunk.png"


def main(path: Path) -> None:
    """Draw one row per scene: edges at full size, resized by nearest neighbour, our target."""
    import cv2
    import numpy as np
    from PIL import Image

    from mtl_ase.data import make_warp
    from mtl_ase.data.labels import Edges
    from mtl_ase.data.labels.thinning import thin
    from mtl_ase.report import compose_sheet
    from mtl_ase.scenes.generation import render_image
    from mtl_ase.tasks import ProbabilityMap

    make_folder(path.parent, "FILE in")
    grey = ProbabilityMap().colours
    rows = []
    for index in SCENES:
        label_map_HW = render_image(0, "train", index, SOURCE_HW).label_map_HW
        laplacian_HW = cv2.Laplacian(label_map_HW.astype(np.float64), cv2.CV_64F)
        edge_HW = thin(laplacian_HW != 0).astype(np.uint8)
        warp = make_warp(SOURCE_HW, INPUT_HW, fit="contain")
        alone, ours = warp.pick(edge_HW, 255), Edges().warp(edge_HW, warp)
        reduced_HWC = cv2.resize(grey(edge_HW), (448, 336), interpolation=cv2.INTER_AREA)
        rows.append([reduced_HWC.astype(np.uint8), grey(alone), grey(ours)])
    captions = ["full size, reduced for print", "nearest pixel alone", "what is trained on"]
    Image.fromarray(compose_sheet(captions, rows)).save(path)


if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT, metavar="FILE")
    given = parser.parse_args()
    exit_on_wrong_use(lambda: main(given.file))
