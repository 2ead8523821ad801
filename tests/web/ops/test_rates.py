"""Charts of the last hour: what is counted, and what is not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from durable.ids import first_id
from durable.tables import AttemptRecord, RunRecord
from models.core.database import transaction
from monitoring import rates
from tests.web.conftest import Browser
from web.ops.rates import draw


@pytest.fixture
def operator(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("operator", "staff")


def add(minutes_ago: float, ended_after: float | None = 1, number: int = 0, now: datetime | None = None) -> str:
    """A run of that age."""
    at = (now or datetime.now(UTC)) - timedelta(minutes=minutes_ago)
    run_id = f"run_{first_id(at)[:-4]}{number:04x}"
    ended = None if ended_after is None else at + timedelta(seconds=ended_after)
    with transaction() as session:
        session.add(
            RunRecord(id=run_id, workflow="checkout", key=run_id, input={}, status="succeeded" if ended else "running",
                      lease_until=at + timedelta(days=9), created_at=at, finished_at=ended)
        )  # fmt: skip
    return run_id


def fail(run_id: str, minutes_ago: float, code: str | None = "internal_error", number: int = 1) -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    with transaction() as session:
        error = {"code": code} if code else {"trace": "ValueError"}
        session.add(AttemptRecord(run_id=run_id, step="a.b", number=number, error=error, ended_at=at))


def read() -> list[rates.Minute]:
    with transaction() as session:
        return rates.read_rates(session)


def totals() -> tuple[int, int, int]:
    found = read()
    assert len(found) == rates.MINUTES
    return sum(one.started for one in found), sum(one.ended for one in found), sum(one.failed for one in found)


def test_starts_ends_and_failures_are_counted_by_minute(database: None) -> None:
    now = datetime.now(UTC)
    for number in range(3):
        add(10, number=number, now=now)  # in the same minute
    add(5, ended_after=None)
    before = add(90, ended_after=60 * 60)  # it has ended in this hour
    add(70)  # all of it was before
    fail(before, 30)
    fail(before, 20, code=None, number=2)
    fail(before, 70, number=3)
    fail(before, 15, code="replayed", number=4)
    assert totals() == (4, 4, 2)
    assert max(one.started for one in read()) == 3


def test_failures_of_old_runs_count_while_they_are_live(database: None) -> None:
    old = add(60 * 48, ended_after=None)
    over = add(60 * 48, number=1)
    for run_id in (old, over):
        fail(run_id, 3)
    assert totals() == (0, 0, 0)
    with transaction() as session:
        session.get_one(RunRecord, old).attempts = 5
    assert totals() == (0, 0, 1)


def test_the_overview_shows_the_charts_and_the_page_the_figures(
    operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(1)
    monkeypatch.setattr(rates.cached, "_read_at", -rates.KEPT)
    monkeypatch.setattr(rates.cached, "_rates", [])
    assert operator.get("/ops/").text.count('class="panel small-chart"') == 3
    page = operator.get("/ops/rates").text
    assert page.count("<tr>") == rates.MINUTES + 1
    assert '<td class="number" data-label="Runs started">1</td>' in page


def test_heights_are_relative_and_never_invisible() -> None:
    at = datetime.now(UTC)
    [started, ended, failed] = draw([rates.Minute(at, 0, 1, 0), rates.Minute(at, 5000, 1, 0)])
    assert (started.bars, started.total, started.most) == ([0, 40], 5000, 5000)
    assert (ended.bars, failed.bars) == ([40, 40], [0, 0])
    assert draw([rates.Minute(at, 1, 0, 0), rates.Minute(at, 5000, 0, 0)])[0].bars[0] == 2
