"""Runs with many items, attempts and characters: a page shows the newest, and says what it does not show."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from durable.tables import AttemptRecord, StepRecord
from models.core.database import transaction
from tests.runs import TRACE, started, step
from tests.web.conftest import Browser
from web.ops.reading import LISTED
from web.ops.run import LONGEST, MOST


@pytest.fixture
def operator(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("operator", "admin")


def importing(chunks: int, **items: dict[str, Any]) -> str:
    """An import of so many chunks. `items`: status → how many of them have it, after each other."""
    run_id = started("catalogue_import")
    step(run_id, "catalogue.read", output={"chunks": list(range(chunks))})
    begin = datetime.now(UTC)
    statuses = [(status, values) for status, values in items.items() for _ in range(values.pop("count"))]
    rows = [
        {"run_id": run_id, "name": f"catalogue.take[{n}]", "queue": "catalogue", "status": status,
         "started_at": begin + timedelta(milliseconds=n), "output": None, "error": None, **values}
        for n, (status, values) in enumerate(statuses)
    ]  # fmt: skip
    with transaction() as session:
        session.execute(insert(StepRecord), rows)
    return run_id


def test_only_the_newest_items_are_listed(operator: Browser) -> None:
    run_id = importing(
        2000, done={"count": LISTED + 50, "output": {"accepted": 7}}, intent={"count": 1, "error": TRACE}
    )
    for path in (f"/ops/runs/{run_id}", f"/ops/runs/{run_id}?part=live"):
        page = operator.get(path).text
        assert page.count('id="row-') == LISTED
        assert f'id="row-catalogue.take[{LISTED + 50}]"' in page
        assert f'id="row-catalogue.take[{40}]"' not in page
        assert "52 older ones are not shown" in page
        assert page.count('class="to-come"') == LISTED
        assert f"{2001 - (LISTED + 51) - LISTED} more steps are still to come." in page
        assert f"{LISTED + 50}/{LISTED + 51}" in page, "the picture counts all"


def test_only_the_newest_attempts_are_listed(operator: Browser) -> None:
    run_id = importing(5, intent={"count": 5, "error": TRACE})
    now = datetime.now(UTC)
    rows = [
        {"run_id": run_id, "step": f"catalogue.take[{n % 5}]", "number": n // 5 + 1,
         "error": {"trace": f"ValueError: the {n}th"}, "ended_at": now + timedelta(seconds=n)}
        for n in range(LISTED + 1)
    ]  # fmt: skip
    with transaction() as session:
        session.execute(insert(AttemptRecord), rows)
    page = operator.get(f"/ops/runs/{run_id}").text
    assert "The newest ones; older ones are not shown." in page
    assert "the 0th" not in page
    assert page.count("<code>ValueError: the") == LISTED


def test_what_is_too_long_is_cut(operator: Browser) -> None:
    run_id = started()
    for number in range(8):
        step(run_id, f"orders.step{number}", output={"text": "x" * 3 * LONGEST})
    page = operator.get(f"/ops/runs/{run_id}").text
    assert page.count("more characters are not shown.") == 8
    assert MOST - LONGEST < page.count("x" * 10) * 10 <= MOST + 100


def test_a_preview_names_the_first_of_many(operator: Browser) -> None:
    run_id = importing(1000, done={"count": 10}, intent={"count": 1, "error": TRACE})
    page = operator.get(f"/ops/runs/{run_id}/retry").text
    assert page.count("<code>catalogue.take[") == 20
    assert "and 970 more" in page
    page = operator.get(f"/ops/runs/{run_id}/drop").text
    assert page.count("<option>catalogue.take[") == LISTED
    assert page.index("<option>catalogue.take[10]<") < page.index("<option>catalogue.take[11]<"), (
        "that fails comes first"
    )
