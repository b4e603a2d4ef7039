"""Wrong use ends in one helpful sentence and exit code 2; a fault keeps its traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.errors import InstantiationException
from omegaconf import DictConfig
from omegaconf.errors import InterpolationResolutionError

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_network, build_tasks, build_trainer
from mtl_ase.config import exit_on_wrong_use as run
from mtl_ase.config import explain
from tests.conftest import Compose

REPOSITORY = Path(__file__).parents[2]

CASES: dict[str, tuple[list[str], list[str]]] = {
    "unknown key": (
        ["model.adapter.rankk=3"],
        ["model.adapter.rankk is no key", "did you mean model.adapter.rank?"],
    ),
    "unknown key in a group": (["trainer.foo=1"], ["trainer.foo is no key", "--cfg job"]),
    "unknown key of a mapping": (
        ["training.reference.values={semseg/miou:60,foo/bar:1}"],
        ["training.reference.values.foo/bar is no key", "write +training.reference.values=..."],
    ),
    "key to delete": (["~training.sched"], ["training.sched is no key"]),
    "key that is there": (["+seed=1"], ["seed is in the config already", "leave out the +"]),
    "group without its path": (["adapter=experts"], ["did you mean model/adapter?"]),
    "unknown experiment": (["experiment=asee"], ["experiment=asee", "mean ase?", "lora_moe"]),
    "unknown option": (
        ["model/adapter=lora_mo"],
        ["model/adapter=lora_mo is unknown", "did you mean lora_moe?", "naive_shared"],
    ),
    "unknown setting": (["setting=paperr"], ["did you mean paper?", "scenes"]),
    "unknown task": (["tasks=[semseg,foo]"], ["tasks=foo is unknown", "human_parts"]),
    "no value": (["seed"], ["'seed' is no override", "KEY=VALUE"]),
    "bad syntax": (["trainer.max_epochs=["], ["'trainer.max_epochs=['", "quote"]),
    "bad interpolation": (["model.adapter.rank=${foo}"], ["'foo' not found"]),
    "wrong type": (["data.batch_size=many"], ["data.batch_size=many", "int"]),
    "wrong type, checked late": (["trainer.max_epochs=a"], ["trainer.max_epochs=a", "int or null"]),
    "unknown argument": (
        ["+trainer.foo=1"],
        ["trainer.foo is no argument of lightning.pytorch.Trainer"],
    ),
    "unknown precision": (["trainer.precision=33"], ["trainer.precision=33", "16-mixed"]),
    "bad callback": (["callbacks.best.mode=foo"], ["callbacks.best can't be built", "min, max"]),
    "too many chosen": (["model.adapter.top_k=16"], ["model.adapter.top_k=16", "choose 1 to 15"]),
    "experts that can't be split": (
        ["model.adapter.granularity=3"],
        ["model.adapter.granularity=3 can't split", "divides the rank"],
    ),
    "shared experts of the baseline": (
        ["model/adapter=lora_moe", "model.adapter.num_shared=1"],
        ["num_shared=1", "AdaptiveShared"],
    ),
    "missing data": (
        ["data=pascal_context", "data.root=/nowhere"],
        ["data.root=/nowhere", "PASCAL_MT.tgz", "setting=scenes"],
    ),
    "unlabelled task": (["~data.labels.edge"], ["'edge'", "data.labels.edge"]),
}


@pytest.fixture
def attempt(
    composed: Callable[..., DictConfig], tmp_path: Path
) -> Callable[[list[str]], Callable[[], None]]:
    """Of overrides: what composes and builds everything, as train.py does first."""

    def prepare(overrides: list[str]) -> Callable[[], None]:
        def build() -> None:
            base = ["setting=scenes", "model.encoder.weights=null", "data.num_workers=0"]
            config = composed(f"hydra.runtime.output_dir={tmp_path}", *base, *overrides)
            tasks = build_tasks(config)
            data = build_data(config, tasks)
            if config.data.generator is None:
                data.prepare_data()
            build_network(config, tasks)
            build_trainer(config)

        return build

    return prepare


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_wrong_use_is_one_sentence(
    name: str,
    attempt: Callable[[list[str]], Callable[[], None]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    overrides, expected = CASES[name]
    with pytest.raises(SystemExit) as caught:
        run(attempt(overrides))
    assert caught.value.code == 2
    printed = capsys.readouterr().err.strip().splitlines()
    sentences = [line for line in printed if line.startswith("error: ")]
    assert sentences == printed[-1:]
    for words in expected:
        assert words in sentences[0]
    assert not any(word in sentences[0] for word in ("full_key", "provider=", "hydra.cc", "struct"))


@pytest.mark.parametrize("fault", [RuntimeError, TypeError, ZeroDivisionError, KeyError, OSError])
def test_a_fault_of_a_command_is_not_explained(fault: type[Exception]) -> None:
    def broken() -> None:
        raise fault("a bug")

    assert explain(fault("a bug")) is None
    with pytest.raises(fault, match="a bug"):
        run(broken)


@pytest.mark.parametrize("name", ["../../x", "..", "a/b", "a\\b", "", "a\nb", "a" * 201])
def test_the_name_of_a_run_can_not_leave_its_folder(composed: Compose, name: str) -> None:
    config = composed("hydra.mode=RUN")
    config.experiment_name = name
    with pytest.raises(InterpolationResolutionError) as caught:
        str(config.run_dir)
    said = explain(caught.value)
    assert said is not None
    assert "can't be a folder's name" in said
    config.experiment_name = "ase_fine-grained 2.1"
    assert config.run_dir.startswith("runs/ase_fine-grained 2.1/")


def test_wrong_use_inside_other_errors_is_found() -> None:
    error = InstantiationException("Error in call to target")
    error.__cause__ = UserError("first line,\n  second line.")
    assert explain(error) == "first line, second line."


def execute(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["experiment=asee"], "did you mean ase?"),
        pytest.param(
            ["model.adapter.rankk=3"],
            "did you mean model.adapter.rank?",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["data=pascal_context", "data.root=/nowhere"],
            "setting=scenes",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_train_exits_2(tmp_path: Path, overrides: list[str], words: str) -> None:
    small = ["setting=scenes", "model.encoder.weights=null", "trainer=cpu", f"run_dir={tmp_path}"]
    done = execute("train.py", *small, *overrides)
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert words in last
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "config.yaml").exists()


def test_a_fault_exits_1_with_its_traceback(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from mtl_ase.config import run_main\n"
        "def broken(config):\n    raise RuntimeError('a bug')\n"
        "if __name__ == '__main__':\n    run_main(broken, 'train')\n"
    )
    done = execute(str(script), f"run_dir={tmp_path}")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: a bug" in done.stderr
