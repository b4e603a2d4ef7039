"""Hyper-parameter search: the search space, the study of trials, and their processes."""
