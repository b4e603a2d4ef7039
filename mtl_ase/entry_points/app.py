"""Show a run's predictions for your pictures in the browser; needs the extra `app`."""

from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.commands.options import Options, count
from mtl_ase.config import exit_on_wrong_use

DEMO = Path("runs/demo")


def show(run: Path, checkpoint: str, port: int | None) -> None:
    """Serve the page until it is stopped.

    Raises:
        UserError: Gradio is not installed, or the run can't be loaded.
    """
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise UserError("the page needs Gradio; run pip install 'mtl_ase[app]'.") from error
    from mtl_ase.app import serve
    from mtl_ase.inference import load
    from mtl_ase.inference.loading import newest_run

    found = newest_run(run.expanduser())
    model = load(found, checkpoint=checkpoint)  # type: ignore[arg-type]
    serve(model, "/".join(found.absolute().parts[-2:]), port)


def main() -> None:
    """Run the program."""
    parser = Options(description=__doc__)
    parser.add_argument(
        "run", nargs="?", type=Path, default=DEMO, metavar="RUN", help="a run folder (runs/demo)"
    )
    parser.add_argument("--checkpoint", choices=["last", "best"], default="last")
    parser.add_argument("--port", type=count, metavar="N", help="7860, or the next free one")
    given = parser.given()
    exit_on_wrong_use(lambda: show(given.run, given.checkpoint, given.port))
