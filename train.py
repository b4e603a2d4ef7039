"""Train: `python train.py experiment=ase_finegrained [overrides]`; see `--help` and README.md."""

from mtl_ase.entry_points.train import main

if __name__ == "__main__":
    main()
