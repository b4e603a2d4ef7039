"""Train: `python train.py experiment=ase_finegrained [overrides]`; see `--help` and README.md."""

from omegaconf import DictConfig

from mtl_ase.config import run_main


def train(config: DictConfig) -> None:
    """Import torch and train, once the command line is known to be right."""
    from mtl_ase.commands.train import train

    train(config)


if __name__ == "__main__":
    run_main(train, config_name="train")
