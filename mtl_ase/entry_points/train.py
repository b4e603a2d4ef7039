"""Train a network; see `--help`."""

from omegaconf import DictConfig

from mtl_ase.config import run_main


def train(config: DictConfig) -> None:
    """Import torch and train, once the command line is known to be right."""
    from mtl_ase.commands.train import train

    train(config)


def main() -> None:
    """Run the program."""
    run_main(train, config_name="train")


if __name__ == "__main__":
    main()
