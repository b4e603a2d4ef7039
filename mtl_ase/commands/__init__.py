"""The commands behind train.py, evaluate.py and scripts/*.py, each in a module of its name.

The scripts read their command line first and import the command then, so that `--help` is quick.
"""
