"""Stall times: the longest time between two signs of life of a run."""

from datetime import datetime
from itertools import pairwise

TARGETS = {"child": 1.0, "other": 10.0}
"""Target stall in seconds after the end of a fault: for a killed child of a worker, and for anything else. Many
concurrent runs have no target, because they wait for each other's workers."""

figures: list[tuple[str, str, float]] = []
"""(fault, where, seconds) of every measurement."""


def note(fault: str, where: str, seconds: float) -> None:
    figures.append((fault, where, seconds))


def longest(signs: list[datetime], since: datetime | None = None) -> float:
    """The longest time between two consecutive signs of life in seconds, not counting time before `since`."""
    counted = sorted(max(sign, since) if since else sign for sign in signs)
    return max((later - earlier).total_seconds() for earlier, later in pairwise(counted))


def table() -> list[str]:
    """Per fault: number of runs, median, longest stall and its place, and target."""
    lines = [f"{'fault':44} {'runs':>4} {'median s':>9} {'longest s':>9} {'target s':>8}  longest at"]
    for fault in dict.fromkeys(name for name, _, _ in figures):
        found = sorted((seconds, where) for name, where, seconds in figures if name == fault)
        target = None if fault.endswith("many runs") else TARGETS["child" if "child" in fault else "other"]
        longest, where = found[-1]
        missed = " MISSED" if target is not None and longest > target else ""
        median, wanted = found[len(found) // 2][0], "" if target is None else f"{target:.0f}"
        lines.append(f"{fault:44} {len(found):4} {median:9.2f} {longest:9.2f} {wanted:>8}  {where}{missed}")
    return lines
