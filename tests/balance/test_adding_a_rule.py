"""The page on balancing: its table fits the configs, its code is written to files and really run.

Legend: T tasks.
"""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

from mtl_ase.balance import Balance, GradientRule, GramianRule, OnMaps
from mtl_ase.base.errors import UserError
from mtl_ase.build import build_module, build_network, build_tasks, check_part
from mtl_ase.config import CONFIGS
from tests.model.batches import make_batch
from tests.pages import ROOT, files_of, run_in, small_run, written

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
]
PATH = ROOT / "docs" / "balancing.md"
PAGE = PATH.read_text()
ROWS = {
    name: cells.split(" | ")
    for name, cells in re.findall(
        r"^\| `(\w+)` \| (.* \| .* \| .* \| .* \| .*) \|$", PAGE, re.MULTILINE
    )
}
"""Equation, paper, file, need and memory of every rule of the table."""
RULES = sorted(path.stem for path in (CONFIGS / "balance").glob("*.yaml"))
FILES = files_of(PAGE)
COMMANDS = re.findall(r"^python (\w+\.py .*?)(?:    #.*)?$", PAGE, re.MULTILINE)
OWN = [command for command in COMMANDS if "my_configs" in command]
TRUSTED = ("my_balance.",)
TASKS = ("semseg", "normals", "edge")
STEPS, MEMORY = 4, 0.75


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder with the files of the page, whose modules can be imported."""
    with written(FILES, tmp_path_factory.mktemp("user"), ["my_balance"]) as root:
        yield root


@pytest.fixture
def compose_own(composed, tiny, folder):
    """Composes the tiny network's config, with the user's configs on the search path."""
    return lambda *overrides: composed(
        *tiny,
        f"tasks=[{','.join(TASKS)}]",
        f"hydra.searchpath=[file://{folder}/my_configs]",
        *overrides,
    )


@pytest.fixture
def build(compose_own):
    def make(*overrides):
        torch.manual_seed(0)
        config = compose_own(*overrides)
        tasks = build_tasks(config, TRUSTED)
        return build_module(config, tasks, build_network(config, tasks))

    return make


@pytest.fixture
def running_means(folder):
    return importlib.import_module("my_balance").RunningMeans


class Losses(pl.Callback):
    """Keeps the weighted losses_T of every batch."""

    def on_fit_start(self, trainer, module):
        """Begin anew."""
        self.seen = []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        """Note them."""
        self.seen.append(module.balance.weighted(outputs["losses"]).detach())


def train(module):
    """A few steps on made batches, the second of which has no labelled pixel of the edges."""
    losses = Losses()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=STEPS,
        limit_val_batches=0,
        logger=False,
        callbacks=[losses],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    batches = [make_batch(module.scorer.tasks, seed=seed) for seed in range(STEPS)]
    batches[1].labels["edge"].fill_(255)
    trainer.fit(module, DataLoader(batches, batch_size=None))
    return losses.seen


def slow_means(seen, memory):
    """Running means of the losses that are not 0, from the first of each on."""
    means = [None] * len(TASKS)
    for losses in seen:
        for task, loss in enumerate(losses.tolist()):
            if loss != 0:
                before = means[task]
                means[task] = loss if before is None else memory * before + (1 - memory) * loss
    return means


@pytest.mark.parametrize("name", RULES)
def test_the_table_has_every_rule(name):
    """With the file that defines it, what it needs, and the paper that its docstring names."""
    rule = get_class(OmegaConf.load(CONFIGS / "balance" / f"{name}.yaml")["_target_"])
    _, paper, file, needs, memory = ROWS[name]
    (link,) = re.findall(r"\]\((.*?)\)", file)
    home = Path(sys.modules[rule.__module__].__file__)
    assert (PATH.parent / link).resolve() == home.resolve()
    assert f"[`{home.name}`]" in file
    kinds = {"Gramian": GramianRule, "Jacobian": GradientRule, "losses": Balance}
    kinds = {"Gramian of maps": OnMaps, **kinds}
    assert needs == next(need for need, kind in kinds.items() if issubclass(rule, kind))
    assert ("J" in memory) == issubclass(rule, GradientRule)
    assert ("second forward pass" in memory) == rule.looks_again
    named = re.findall(r"arXiv (\d{4}\.\d{5})", rule.__doc__)
    assert all(number in paper for number in named)


def test_the_page_has_the_files_and_they_are_short():
    lines = {name: len(text.splitlines()) for name, text in FILES.items()}
    configs = [f"my_configs/balance/{name}.yaml" for name in ("running_means", "unit_gradients")]
    assert set(lines) == {"my_balance.py", *configs}
    assert lines["my_balance.py"] <= 40
    assert all(lines[name] <= 5 for name in configs)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+\.md|[^)#:]+/test_\w+\.py)\)", PAGE))
def test_links_lead_somewhere(link):
    assert (PATH.parent / link).exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_compose(compose_own, command):
    options = ("--config-dir=my_configs", "-m", "--cfg", "job", "--package", "training.balance")
    words = [word for word in shlex.split(command)[1:] if word not in options]
    overrides = [word for word in words if not word.startswith("--trust")]
    config = compose_own(*(re.sub(",.*", "", word) for word in overrides))
    assert "_target_" in config.training.balance


def test_it_is_refused_unless_trusted(compose_own):
    config = compose_own("balance=running_means")
    with pytest.raises(UserError, match=r"my_balance\.RunningMeans is outside"):
        build_tasks(config)
    build_tasks(config, TRUSTED)


def test_its_options_are_checked(compose_own):
    """As those of rules that ship."""
    config = compose_own("balance=running_means", "training.balance.memory=2")
    with pytest.raises(UserError, match="memory"):
        check_part(config, "training")


def test_the_rule_on_losses_trains_and_remembers(build):
    """Its means are those of the losses in the steps, and a state_dict carries them on."""
    options = ("balance=running_means", f"training.balance.memory={MEMORY}")
    module = build(*options)
    before = [p.clone() for p in module.parameters() if p.requires_grad]
    seen = train(module)
    after = [p for p in module.parameters() if p.requires_grad]
    assert any(not torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert [losses_T[2].item() == 0 for losses_T in seen] == [False, True, False, False]
    assert module.balance.mean_T.tolist() == pytest.approx(slow_means(seen, MEMORY), rel=1e-5)

    other = build(*options)
    losses_T = torch.tensor([0.7, 0.0, 2.0])
    present_T = losses_T != 0
    assert other.balance.mean_T.isnan().all()
    other.load_state_dict(module.state_dict())
    totals = [part.balance.total(losses_T, present_T) for part in (module, other)]
    assert torch.equal(*totals)
    assert torch.equal(module.balance.mean_T, other.balance.mean_T)
    assert module.balance.mean_T[1].item() == pytest.approx(slow_means(seen, MEMORY)[1], rel=1e-5)


def test_the_total_of_the_rule_on_losses(running_means):
    """The weight of a task is the inverse of its mean; one without labels has none."""
    rule = running_means({"a": 1.0, "b": 1.0, "c": 1.0}, memory=0.5)
    rule.total(torch.tensor([2.0, 4.0, 0.0]), torch.tensor([True, True, False]))
    losses_T = torch.tensor([4.0, 2.0, 0.0], requires_grad=True)
    total = rule.total(losses_T, losses_T.detach() != 0)
    total.backward()
    assert total.item() == pytest.approx(4 / 3 + 2 / 3)
    assert losses_T.grad.tolist() == pytest.approx([1 / 3, 1 / 3, 0])
    assert rule.mean_T[2].isnan()


def test_a_loss_that_is_not_finite_enters_no_mean(running_means):
    rule = running_means({"a": 1.0, "b": 1.0})
    rule.total(torch.tensor([2.0, 4.0]), torch.tensor([True, True]))
    for bad in (torch.nan, torch.inf):
        total = rule.total(torch.tensor([bad, 4.0]), torch.tensor([True, True]))
        assert not total.isfinite()
        assert rule.mean_T.tolist() == [2, 4]


def test_the_rule_on_gradients_trains(build):
    """The gradient of a step is the sum of unit vectors."""
    module = build("balance=unit_gradients", "training.regularisers.mutual_information.weight=0")
    seen = train(module)
    assert len(seen) == STEPS
    jacobian_TP = module.gradients.jacobian_TP
    direction_P, weights_T = module.balance.combine(jacobian_TP, seen[-1], range(len(TASKS)))
    assert weights_T.tolist() == pytest.approx([1 / row.norm().item() for row in jacobian_TP])
    expected_P = sum(row / row.norm() for row in jacobian_TP)
    torch.testing.assert_close(direction_P, expected_P, rtol=1e-4, atol=1e-6)
    used_P = torch.cat([parameter.grad.flatten() for parameter in module.gradients.shared])
    torch.testing.assert_close(used_P, direction_P)


def test_the_page_names_what_a_rule_has():
    said = "".join(
        re.findall(r"^\| (`.*?) \| [^|]*\|$", PAGE.split("says and does")[1], re.MULTILINE)
    )
    public = {
        name
        for kind in (Balance, GradientRule, GramianRule)
        for name in vars(kind)
        if not name.startswith("_")
    }
    assert set(re.findall(r"[a-z_]+", said)) >= public - {"forward", "weighted"}


@pytest.mark.slow
@pytest.mark.parametrize("command", OWN)
def test_the_commands_train(folder, tmp_path, command):
    run_in(folder, [*shlex.split(command), *small_run(tmp_path)])
    assert (tmp_path / "run" / "DONE").exists()
    assert "_target_: my_balance" in (tmp_path / "run" / "config.yaml").read_text()
