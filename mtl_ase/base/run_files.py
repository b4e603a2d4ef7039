"""The file names of a run folder."""

from __future__ import annotations

from pathlib import Path

from mtl_ase.base.errors import UserError


class RunFiles:
    """The paths of all files of one run folder; the files may not exist yet.

    Args:
        folder: the run folder.

    Attributes:
        path: the run folder.
        config: the resolved config (YAML).
        environment: package versions, git revision, fingerprint of the data, command line, times of
            starts and end (JSON).
        log: losses and scores by step (CSV).
        router_log: gate weights and token shares by step, layer, task and expert (CSV).
        router_health: whether the routers are alive, by step (JSON).
        gradient_log: cosines and lengths of the tasks' gradients by step and layer (CSV).
        output_log: stdout and stderr of a training that a search, comparison or suite started.
        wandb_id: the run id of Weights & Biases.
        checkpoints: folder of the checkpoints.
        last: the checkpoint from which the run is resumed.
        best: the checkpoint with the lowest validation loss.
        stages: scores at the end of every stage of a continual training (CSV).
        forgetting: what every task lost after its own stage (JSON).
        metrics: scores of the final validation (JSON).
        trivial_metrics: scores of the best constant prediction (JSON, same keys as `metrics`).
        predictions: folder of contact sheets.
        figures: folder of figures.
        scores: scores by evaluate.py (JSON, same keys as `metrics`).
        page: the run as a page for a browser (HTML).
        evaluation: folder of the other files that evaluate.py writes.
        details: confidence intervals, scores by class, summaries of curves by evaluate.py (JSON).
        done: marker file, written when the run has finished.
        failed: exit code and last output of a failed job of a sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.config = folder / "config.yaml"
        self.environment = folder / "environment.json"
        self.log = folder / "metrics.csv"
        self.router_log = folder / "router.csv"
        self.router_health = folder / "routers.json"
        self.gradient_log = folder / "gradients.csv"
        self.output_log = folder / "output.log"
        self.wandb_id = folder / "wandb_id"
        self.checkpoints = folder / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.best = self.checkpoints / "best.ckpt"
        self.stages = folder / "stages.csv"
        self.forgetting = folder / "forgetting.json"
        self.metrics = folder / "metrics.json"
        self.trivial_metrics = folder / "metrics_trivial.json"
        self.predictions = folder / "predictions"
        self.figures = folder / "figures"
        self.scores = folder / "evaluation.json"
        self.page = folder / "report.html"
        self.evaluation = folder / "evaluation"
        self.details = self.evaluation / "details.json"
        self.done = folder / "DONE"
        self.failed = folder / "FAILED"

    def checkpoint(self, name: str) -> Path:
        """A checkpoint by its name, "last" or "best".

        Raises:
            UserError: it is missing.
        """
        path = self.checkpoints / f"{name}.ckpt"
        if not path.is_file():
            raise UserError(f"{path} is missing; choose checkpoint=last or checkpoint=best.")
        return path

    def stage_end(self, number: int) -> Path:
        """The checkpoint at the end of a stage, counted from 0, but the last."""
        return self.checkpoints / f"stage_{number}.ckpt"

    @property
    def losses_figure(self) -> Path:
        """Plot of the training losses over steps."""
        return self.figures / "losses.png"

    @property
    def routers_figure(self) -> Path:
        """Heat map of the gate weights by layer, task and expert."""
        return self.figures / "routers.png"

    @property
    def selections_figure(self) -> Path:
        """Heat map of the share of tokens that select an expert, by layer, task and expert."""
        return self.figures / "selections.png"

    @property
    def router_health_figure(self) -> Path:
        """Plot of the shared experts' weight and what else tells whether routers are alive."""
        return self.figures / "router_health.png"

    @property
    def expert_maps_figure(self) -> Path:
        """Which expert every patch of an image selects, by layer and task."""
        return self.figures / "expert_maps.png"

    @property
    def gradients_figure(self) -> Path:
        """Heat maps of the cosines of the tasks' gradients, over steps and over layers."""
        return self.figures / "gradients.png"


def run_of(checkpoint: Path) -> RunFiles:
    """The run of a checkpoint at RUN/checkpoints/NAME.ckpt."""
    return RunFiles(checkpoint.parent.parent)
