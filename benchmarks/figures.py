"""The results of a benchmark: measurements, medians, targets and the machine."""

import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass
class Figure:
    """A repeatedly measured figure. `at_least` or `at_most` is its target."""

    name: str
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None if there is no target."""
        if self.at_least is not None:
            return self.median >= self.at_least
        return self.median <= self.at_most if self.at_most is not None else None

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name, "unit": self.unit, "median": self.median, "min": min(self.values),
            "max": max(self.values), "target": self.target, "met": self.met, "values": self.values,
        }  # fmt: skip


class Report:
    """The figures of a program, in the order in which they were first added."""

    def __init__(self, program: str, runs: int) -> None:
        self.program, self.runs = program, runs
        self.console = Console(width=None if sys.stdout.isatty() else 120)
        self.figures: dict[str, Figure] = {}
        self.remarks: list[str] = []
        self.calibration = Figure("this machine: sum(i*i for i in range(10**7))", "s")

    def note(
        self, name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Adds a measurement to the figure with this name."""
        self.figures.setdefault(name, Figure(name, unit, at_least, at_most)).values.append(value)

    def calibrate(self) -> None:
        """Measures the current speed of the machine, to compare figures of different machines and times."""
        began = time.perf_counter()
        sum(i * i for i in range(10**7))
        self.calibration.values.append(time.perf_counter() - began)

    def say(self, line: str) -> None:
        """Prints a line at once."""
        self.console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)

    def show(self) -> None:
        """Prints the table."""
        title = f"{self.program}: medians of {self.runs} alternating runs"
        table = Table(title=title, title_justify="left", title_style="bold")
        table.add_column("figure")
        for heading in ("median", "min", "max"):
            table.add_column(heading, justify="right")
        for heading in ("unit", "target", "met"):
            table.add_column(heading)
        for figure in [self.calibration, *self.figures.values()]:
            low, high = min(figure.values), max(figure.values)
            met = {True: "yes", False: "NO", None: ""}[figure.met]
            numbers = [_number(value) for value in (figure.median, low, high)]
            table.add_row(figure.name, *numbers, figure.unit, figure.target, met)
        self.console.print(table)
        for remark in self.remarks:
            self.say(remark)

    def as_dict(self) -> dict[str, Any]:
        return {
            "program": self.program,
            "runs": self.runs,
            "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
            "calibration": self.calibration.as_dict(),
            "figures": [figure.as_dict() for figure in self.figures.values()],
            "remarks": self.remarks,
        }


def percentile(values: Sequence[float], part: float) -> float:
    """The percentile by nearest rank, without interpolation. `part`: a fraction, such as 0.99."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def alternating(runs: int, items: Sequence[Any]) -> list[Any]:
    """Repeats the items `runs` times, alternately reversed, so that a machine that slows down affects all equally."""
    return [item for run in range(runs) for item in (items if run % 2 == 0 else items[::-1])]


def _number(value: float) -> str:
    return f"{value:.1f}" if value >= 100 else f"{value:.3g}"
