"""Where the files of a run lie."""

from __future__ import annotations

from pathlib import Path


class RunFiles:
    """The files of one run folder, by what they hold; they need not be there.

    Args:
        folder: of the run.

    Attributes:
        path: the folder itself.
        config: the resolved config.
        environment: versions, git revision, fingerprint of the data.
        log: losses and scores by step (CSV).
        router_log: gate weights and loads by step, layer, task and expert (CSV).
        output_log: what a training printed that a search started.
        wandb_id: the id under which Weights & Biases knows the run.
        checkpoints: folder of the checkpoints.
        last: the checkpoint that a run goes on from.
        best: the checkpoint with the lowest validation loss.
        metrics: scores of the final validation (JSON).
        trivial_metrics: the same of the best constant prediction.
        predictions: folder of contact sheets.
        figures: folder of figures.
        scores: what evaluate.py found, the keys of `metrics` (JSON).
        evaluation: folder of all else that evaluate.py found.
        details: in it, intervals, classes and curves (JSON).
        done: there when the run came to its end.
        failed: why a job of a sweep failed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.config = folder / "config.yaml"
        self.environment = folder / "environment.json"
        self.log = folder / "metrics.csv"
        self.router_log = folder / "router.csv"
        self.output_log = folder / "output.log"
        self.wandb_id = folder / "wandb_id"
        self.checkpoints = folder / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.best = self.checkpoints / "best.ckpt"
        self.metrics = folder / "metrics.json"
        self.trivial_metrics = folder / "metrics_trivial.json"
        self.predictions = folder / "predictions"
        self.figures = folder / "figures"
        self.scores = folder / "evaluation.json"
        self.evaluation = folder / "evaluation"
        self.details = self.evaluation / "details.json"
        self.done = folder / "DONE"
        self.failed = folder / "FAILED"

    @property
    def losses_figure(self) -> Path:
        """Training losses over steps."""
        return self.figures / "losses.png"

    @property
    def routers_figure(self) -> Path:
        """Gate weights by layer, task and expert."""
        return self.figures / "routers.png"


def run_of(checkpoint: Path) -> RunFiles:
    """The run in whose folder of checkpoints a checkpoint lies."""
    return RunFiles(checkpoint.parent.parent)
