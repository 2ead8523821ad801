"""Pictures of every page of the console: `make screenshots`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from durable.tables import RunRecord
from models.core import event_log
from models.core.database import transaction
from models.core.events import IncidentOpened
from models.orders import Order
from tests.runs import started, step
from tests.web.browser.books import fill_shelves
from tests.web.browser.buying import buy
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import FOLDER, take, windows
from tests.web.browser.signing_in import enter
from tests.web.ops.making import declined, stuck

pytestmark = pytest.mark.skipif(not FOLDER, reason="run by `make screenshots`")
LATER: dict[str, Any] = {"lease_until": datetime.now(UTC) + timedelta(days=1), "published_at": None}
"""So that no dispatcher takes up what is made for the pictures."""


def make_runs() -> dict[str, str]:
    """Runs in every state; name → id."""
    importing = started("catalogue_import", **LATER)
    step(importing, "catalogue.take[0]", "intent", progress={"done": 120, "of": 500})
    waiting = started("clean_up", status="waiting", **LATER)
    with transaction() as session:
        event_log.emit(session, IncidentOpened(incident="stuck:checkout", state="opened", detail="A run is stuck."))
        found = session.scalars(select(RunRecord.id).where(RunRecord.workflow == "checkout").limit(1)).one()
    return {"stuck": stuck(**LATER), "declined": declined(), "import": importing, "waiting": waiting, "bought": found}


def pages_of(runs: dict[str, str], order: str) -> dict[str, str]:
    changes = {f"preview-{verb}": f"/ops/runs/{runs['stuck']}/{verb}" for verb in ("retry", "cancel", "signal", "drop")}
    changes["preview-replay"] = f"/ops/runs/{runs['bought']}/replay"
    return {
        "overview": "/ops/", "rates": "/ops/rates", "incident": "/ops/incidents/stuck:checkout",
        "runs": "/ops/runs", "runs-none": "/ops/runs?workflow=restock",
        "runs-stuck": "/ops/runs?stuck=true", "many": "/ops/runs/cancel?stuck=true", "queues": "/ops/queues",
        "workers": "/ops/workers", "schedule": "/ops/schedule", "incidents": "/ops/incidents", "audit": "/ops/audit",
        "find": f"/ops/find?q={order}", "find-nothing": "/ops/find?q=nothing", "log": f"/ops/runs/{runs['stuck']}/log",
        **{f"run-{name}": f"/ops/runs/{run_id}" for name, run_id in runs.items()}, **changes,
    }  # fmt: skip


def test_every_page_of_the_console(visit: Callable[..., Visitor], sign_in: Callable[..., object]) -> None:
    books = fill_shelves()
    sign_in("root", "admin")
    root = enter(visit(), "root")
    buy(root, books["Emma"], "works")
    root.sees("Your order is confirmed")
    root.page.goto(f"{root.url}/ops/audit")
    root.page.get_by_role("button", name="Run the audit now").click()
    root.sees("Checked at")
    runs = make_runs()
    with transaction() as session:
        order = str(session.scalars(select(Order.number)).first())
    for window, look in windows(visit, root):
        for name, path in pages_of(runs, order).items():
            take(window, look, f"console-{name}", path)
