"""The console for tables and timelines."""

import sys

from rich.console import Console

WIDTH = 150  # columns, if the output is not a terminal


def console() -> Console:
    """A console as wide as the terminal, or wide enough for every table."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
