"""Train: `python train.py experiment=ase_finegrained [overrides]`; see `--help` and README.md."""

from mtl_ase.commands import train
from mtl_ase.config import run_main

if __name__ == "__main__":
    run_main(train, config_name="train")
