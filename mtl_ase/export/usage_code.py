"""The Python code of a model card: load what was exported, and predict for one photo."""

from __future__ import annotations

from pathlib import Path

from mtl_ase.export.facts import Facts
from mtl_ase.export.named_outputs import file_name

IMAGE = """\
photo = {fitted}
image = np.asarray(photo{dtype}).transpose(2, 0, 1)[None]  # (batch, 3, {height}, {width}), 0..255
"""
ADAPTERS = """\
import mtl_ase

{place}
model = mtl_ase.load(folder)  # the backbone: {backbone}
maps = model.predict("photo.jpg")  # by task, at the photo's size
"""
ONNX = """\
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

{place}
{image}session = onnxruntime.InferenceSession(f"{{folder}}/{file}")
names = [output.name for output in session.get_outputs()]
{outputs} = dict(zip(names, session.run(None, {{"image": image}})))  # by task
"""
TORCH = """\
import numpy as np
import torch
from PIL import Image, ImageOps

{place}
{image}network = torch.export.load(f"{{folder}}/{file}").module()
{outputs} = network(torch.tensor(image))  # by task
"""
PEFT = """\
import numpy as np
import timm
import torch
from peft import PeftModel
from PIL import Image, ImageOps
from safetensors.torch import load_file
{load_import}
{place}
size, options = ({height}, {width}), {options}
vit = timm.create_model(
    "{name}", {pretrained}, img_size=size, num_classes=0, global_pool="", **options
)
vit.norm = torch.nn.Identity()
{load}{positions}model = PeftModel.from_pretrained(vit, {adapter}).eval()
{image}mean, std = (torch.tensor(value)[:, None, None] for value in ({mean}, {std}))
with torch.no_grad():
    tokens = model.forward_features((torch.tensor(image) - mean) / std)
"""
FITTED = {
    "squash": 'Image.open("photo.jpg").convert("RGB").resize(({width}, {height}))',
    "contain": 'ImageOps.pad(Image.open("photo.jpg").convert("RGB"), ({width}, {height}))',
}
"""How a photo comes to the size of the network's input, by `data.augmentation.fit`."""
HERE = 'folder = "."  # where this card lies'
OF_HUB = 'folder = snapshot_download("{hub}")'
IMPORT_OF_HUB = "from huggingface_hub import snapshot_download\n"


def usage_code(facts: Facts, folder: Path, hub: str | None) -> str:
    """Code that runs with a file photo.jpg.

    Args:
        facts: the content of export.json.
        folder: the exported folder.
        hub: repository on a hub; None: the code runs in the folder.
    """
    kind, place = facts["format"], HERE if hub is None else OF_HUB.format(hub=hub)
    if kind == "adapters":
        backbone = repr(facts["backbone"]["source"]) if facts["frozen"] else "in the folder, too"
        code = ADAPTERS.format(place=place, backbone=backbone)
    elif kind == "peft":
        code = _peft(facts, folder, place)
    else:
        code = _graph(facts, ".onnx" if kind == "onnx" else ".pt2", place)
    return code if hub is None else IMPORT_OF_HUB + code


def _graph(facts: Facts, suffix: str, place: str) -> str:
    height, width = facts["image_sizes"][0]
    dtype = "" if facts["input_type"] == "bytes" else ", np.float32"
    return (ONNX if suffix == ".onnx" else TORCH).format(
        place=place,
        file=file_name((height, width), suffix),
        image=_image(facts, height, width, dtype),
        outputs=facts["outputs"],
    )


def _image(facts: Facts, height: int, width: int, dtype: str) -> str:
    fitted = FITTED.get(facts["input"]["fit"], FITTED["contain"])
    size = {"height": height, "width": width}
    return IMAGE.format(fitted=fitted.format(**size), dtype=dtype, **size)


def _peft(facts: Facts, folder: Path, place: str) -> str:
    height, width = facts["input"]["image_size"]
    scale, weights = facts["input"]["normalisation"], facts["weights"]
    task, adapter = next(iter(facts["tasks"])), facts["adapters"][0]
    load_import = load = positions = ""
    if weights is not None:
        load_import = "\nfrom mtl_ase.model.encoders import load_weights\n"
        load = f"load_weights(vit, {weights!r})\n"
    if (folder / "pos_embed.safetensors").is_file():
        value = f'load_file(f"{{folder}}/pos_embed.safetensors")["{task}"]'
        positions = f"vit.pos_embed.data = {value}\n"
    return PEFT.format(
        place=place,
        name=facts["backbone"]["name"],
        pretrained=f"pretrained={weights is None}",
        options=facts["options"],
        height=height,
        width=width,
        load_import=load_import,
        load=load,
        positions=positions,
        adapter=f'f"{{folder}}/{adapter}"' if adapter else "folder",
        image=_image(facts, height, width, ", np.float32"),
        mean=scale["mean"],
        std=scale["std"],
    )
