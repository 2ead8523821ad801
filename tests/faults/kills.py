"""Many concurrent runs, each killed once at its own point, and their outcomes."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from durable.tables import RunRecord
from local.waiting import wait_until
from models.core.database import transaction
from tests.faults import checks, stall_times
from tests.faults.drivers import DRIVERS
from tests.faults.points import Point
from tests.faults.prepared import prepare
from tests.shop import Shop

PATIENCE = 1200.0  # seconds for all runs together


@dataclass
class Outcome:
    """The status of a point's run, whether it was killed there, and its description."""

    status: str | None
    struck: bool
    description: str


@dataclass(frozen=True)
class Kills:
    """What is killed: `crew` starts the processes, `how` is the mode of the crash point, `fault` its label."""

    new_shop: Callable[[], AbstractContextManager[Shop]]
    crew: Callable[[Shop], object]
    how: str
    fault: str

    def at(self, points: Sequence[Point]) -> "Killed":
        """Starts a run for each point in a new shop, arms all points and starts the crew."""
        with self.new_shop() as shop:
            prepare(shop, points)
            runs = {point: DRIVERS[point.workflow][0](point.refused_at) for point in points}
            lines = {point: f"{point.point}@{point.step}@{run_id} {self.how}" for point, run_id in runs.items()}
            shop.armed.write_text("\n".join(lines.values()))
            self.crew(shop)
            begun = datetime.now(UTC)
            wait_until(lambda: _live(runs.values()) == 0, PATIENCE, 0.1)
            shop.struck()
            left = shop.armed.read_text().splitlines() if shop.armed.exists() else []
            outcomes = {
                point: Outcome(checks.end_of(run_id), lines[point] not in left, checks.describe(run_id))
                for point, run_id in runs.items()
            }
            for point, outcome in outcomes.items():
                if outcome.status is not None:
                    stall_times.note(f"{self.fault}, many runs", str(point), checks.stall_of(runs[point], begun))
            return Killed(self, outcomes, _violations(shop, len(points)))


@dataclass(frozen=True)
class Killed:
    """The outcome of each point. `broken`: the violations found, empty if there are none."""

    kills: Kills
    outcomes: dict[Point, Outcome]
    broken: str

    def check(self, point: Point) -> None:
        """Fails if the run of the point did not end as expected or was not killed there."""
        outcome = self.outcomes[point]
        assert outcome.status == ("cancelled" if point.refused_at else "succeeded"), outcome.description
        assert outcome.struck, f"no process was killed at {point}\n{outcome.description}"

    def check_invariants(self) -> None:
        """Fails on a violation, after bisecting the kills for the cause."""
        if self.broken:
            guilty = _culprits(self.kills, [*self.outcomes]) or "not the same kills once more"
            pytest.fail(f"{self.broken}\nIt was: {guilty}")


def _culprits(kills: Kills, points: Sequence[Point]) -> dict[str, str]:
    """The smallest subsets of these points whose kills cause violations in a new shop."""
    broken = kills.at(points).broken
    if not broken:
        return {}
    middle = len(points) // 2
    smaller = _culprits(kills, points[:middle]) | _culprits(kills, points[middle:]) if middle else {}
    return smaller or {", ".join(map(str, points)): broken}


def _violations(shop: Shop, kills: int) -> str:
    try:
        checks.check_invariants(shop, repeated_mails=2 * kills)
    except AssertionError as error:
        return str(error)
    return ""


def _live(run_ids: Iterable[str]) -> int:
    live = select(func.count()).where(RunRecord.id.in_(run_ids), RunRecord.finished_at.is_(None))
    with transaction() as session:
        return session.scalars(live).one()


def selected(request: pytest.FixtureRequest, **params: object) -> list[Point]:
    """The points of the selected tests of the file with these parameters."""
    given: list[dict[str, Any]] = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and hasattr(item, "callspec")
    ]
    points = [found.get("point") for found in given if found.items() >= params.items()]
    return [point for point in points if isinstance(point, Point)]
