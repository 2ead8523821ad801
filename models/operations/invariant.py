"""An invariant of the audit, as a query."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invariant:
    """`rows`: a query for all objects of the invariant, with `bad` for violations and `example` as their name.
    `figures` aggregates the rows. A `notice` lists its `bad` rows but does not fail."""

    name: str
    figures: str
    rows: str
    notice: bool = False
