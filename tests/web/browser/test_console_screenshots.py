"""Pictures of every page of the console: `make screenshots`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from durable.tables import RunRecord
from models.core import event_log
from models.core.database import transaction
from models.core.events import IncidentOpened
from models.orders import Order
from tests.conftest import PASSWORD
from tests.web.browser.books import fill_shelves
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import FOLDER, LOOKS
from tests.web.browser.test_screenshots import buy, pytestmark, take
from tests.web.ops.making import declined, started, step, stuck

__all__ = ["pytestmark"]
LATER: dict[str, Any] = {"lease_until": datetime.now(UTC) + timedelta(days=1), "published_at": None}
"""So that no dispatcher takes up what is made for the pictures."""


def sign_in_as(window: Visitor, name: str) -> None:
    window.page.goto(f"{window.url}/sign-in")
    window.fill({"username": name, "password": PASSWORD})
    window.page.locator("main button").click()
    window.page.wait_for_load_state()


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
    root = visit()
    sign_in_as(root, "root")
    buy(root, books["Emma"], "works")
    root.sees("Your order is confirmed")
    root.page.goto(f"{root.url}/ops/audit")
    root.page.get_by_role("button", name="Run the audit now").click()
    root.sees("Checked at")
    runs = make_runs()
    with transaction() as session:
        order = str(session.scalars(select(Order.number)).first())
    cookies = root.page.context.cookies()
    for width, scheme in LOOKS:
        window = visit(width=width, color_scheme=scheme)
        window.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        for name, path in pages_of(runs, order).items():
            take(window, Path(FOLDER) / f"{width}-{scheme}", f"console-{name}", path)
