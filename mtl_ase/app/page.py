"""The page in the browser, by Gradio; it serves this machine only.

Gradio reports its use to a server unless told otherwise before it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mtl_ase.app.answer import Answer, answer
from mtl_ase.inference import Model, SlidingWindows
from mtl_ase.tasks import Picture

HOST = "127.0.0.1"
MOST_BYTES = "20mb"
ALL_AT_ONCE, WINDOWS = "whole picture", "sliding windows (more detail)"
CSS = """
footer { display: none !important }
.legend img { image-rendering: crisp-edges }
"""


def serve(model: Model, title: str, port: int | None = None, wait: bool = True) -> str:
    """Show the page at http://127.0.0.1:PORT until it is stopped.

    Nothing is sent elsewhere: no usage reports, no public link, no files but uploads are served.

    Args:
        model: the network that predicts.
        title: name of the run, shown above the page.
        port: None: the first free one from 7860 on.
        wait: return only when the page is stopped.

    Returns:
        The address.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    page = _page(model, title)
    _, address, _ = page.launch(
        server_name=HOST,
        server_port=port,
        share=False,
        max_file_size=MOST_BYTES,
        allowed_paths=[],
        footer_links=[],
        css=CSS,
        quiet=True,
        prevent_thread_lock=True,
    )
    print(f"{title}: {address} (Ctrl+C ends it)", flush=True)
    if wait:
        page.block_thread()
    return str(address)


def _page(model: Model, title: str) -> Any:
    """The page: a picture on the left; its maps and the experts on the right."""
    import gradio as gr

    names = list(model.tasks)
    with gr.Blocks(title=f"mtl_ase: {title}", analytics_enabled=False) as page:
        gr.Markdown(f"## What {title} sees\n\nDrop a picture; it stays on this machine.")
        with gr.Row():
            with gr.Column(scale=1):
                image = gr.Image(label="picture", type="numpy", sources=["upload", "clipboard"])
                tasks = gr.CheckboxGroup(names, value=names, label="tasks")
                mode = gr.Radio([ALL_AT_ONCE, WINDOWS], value=ALL_AT_ONCE, label="resolution")
                button = gr.Button("Predict", variant="primary")
            with gr.Column(scale=2):
                found = gr.State(None)
                with gr.Tab("Maps"):
                    task = gr.Radio(names, value=names[0], label="task")
                    slider = gr.ImageSlider(label="picture | map", interactive=False)
                    legend = gr.Image(
                        label="legend", interactive=False, buttons=[], elem_classes="legend"
                    )
                with gr.Tab("Experts"):
                    gr.Markdown(
                        "Each patch in the colour of the expert with the largest weight, of those "
                        "that compete; below, the two that most patches select, and their share. A "
                        "colour means nothing from one router to the next."
                    )
                    router = gr.Dropdown([], label="router")
                    experts = gr.Gallery(
                        label="experts by task", columns=3, height=640, object_fit="contain"
                    )
        shown: dict[str, Any] = {"inputs": [found, task], "outputs": [slider, legend]}
        routed: dict[str, Any] = {"inputs": [found, router], "outputs": experts}
        button.click(
            lambda *given: _predict(model, *given),
            [image, tasks, mode],
            [found, task, router],
            api_visibility="private",
        ).then(_show, **shown, api_visibility="private").then(
            lambda *given: _experts(names, *given), **routed, api_visibility="private"
        )
        task.change(_show, **shown, api_visibility="private")
        router.change(lambda *given: _experts(names, *given), **routed, api_visibility="private")
    return page


def _predict(
    model: Model, image_HWC: Picture | None, tasks: Sequence[str], mode: str
) -> tuple[Answer, Any, Any]:
    """The answer, and the choices that go with it.

    Raises:
        gradio.Error: there is no picture or no task; the page shows the sentence.
    """
    import gradio as gr

    if image_HWC is None:
        raise gr.Error("Drop a picture first.")
    if not tasks:
        raise gr.Error("Choose a task first.")
    wanted = [name for name in model.tasks if name in tasks]
    found = answer(model, image_HWC, wanted, SlidingWindows() if mode == WINDOWS else None)
    routers = [router.name for router in found.routers]
    last = routers[-1] if routers else None
    return found, gr.Radio(wanted, value=wanted[0]), gr.Dropdown(routers, value=last)


def _show(found: Answer | None, task: str) -> tuple[tuple[Picture, Picture] | None, Any]:
    """The picture beside a task's map, and the map's legend."""
    if found is None or task not in found.overlays:
        return None, None
    return (found.image_HWC, found.overlays[task]), found.legends[task]


def _experts(names: Sequence[str], found: Answer | None, router: str | None) -> list[Any]:
    """Pictures of a router's experts with captions, one for each task."""
    if found is None or router is None:
        return []
    chosen = next((known for known in found.routers if known.name == router), None)
    if chosen is None:
        return []
    return [
        (map_, f"{name}: {_most_selected(chosen.shares_TE[number])}")
        for number, (name, map_) in enumerate(zip(names, chosen.maps, strict=True))
    ]


def _most_selected(shares_E: Any) -> str:
    """E.g. "3 (41%), 7 (22%)": the experts that most patches select."""
    order = sorted(range(len(shares_E)), key=lambda number: -shares_E[number])[:2]
    return ", ".join(f"{number} ({shares_E[number]:.0%})" for number in order)
