"""What train.py, evaluate.py and scripts/*.py call, and the console scripts `mtl-ase-NAME`.

A program is a file here with a function `main`, a line of `[project.scripts]` in pyproject.toml,
and a thin script in the checkout. It reads its command line first and imports its command then, so
that `--help` is quick.
"""
