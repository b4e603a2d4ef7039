"""Multi-task dense prediction with adaptive shared LoRA experts (arXiv 2510.00570)."""

__version__ = "0.1.0"
