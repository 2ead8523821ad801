"""Where tables and pictures are printed."""

import sys

from rich.console import Console

WIDTH = 150  # columns where the output is not a terminal


def console() -> Console:
    """As wide as the terminal, or wide enough for every table."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
