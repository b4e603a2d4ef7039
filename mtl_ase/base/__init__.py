"""Errors, atomic files, folder locks, run-folder paths and numerics that all other packages use."""
