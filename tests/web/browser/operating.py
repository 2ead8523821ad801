"""What operators do in a browser, and what has become of runs."""

from collections.abc import Callable

from sqlalchemy import select

from durable import queries
from durable.tables import RunRecord
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.web.browser.conftest import Visitor


def open_console(visit: Callable[..., Visitor], width: int = 1200, **options: object) -> Visitor:
    """An operator who has signed in."""
    operator = visit(width=width, **options)
    operator.page.goto(f"{operator.url}/sign-in?next=/ops/")
    operator.fill({"username": "root", "password": PASSWORD})
    operator.page.locator("main button").first.click()
    operator.page.wait_for_url("**/ops/")
    operator.check()
    return operator


def status_of(run_id: str) -> str:
    with transaction() as session:
        return queries.get_run(session, run_id).status


def newest(workflow: str) -> RunRecord:
    with transaction() as session:
        query = select(RunRecord).where(RunRecord.workflow == workflow).order_by(RunRecord.id.desc())
        return session.scalars(query.limit(1)).one()
