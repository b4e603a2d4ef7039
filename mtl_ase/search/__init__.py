"""Searching hyper-parameters: the space, the trials and their study, their processes."""
