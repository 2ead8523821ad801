"""A step that always kills its process: the run is compensated, or becomes stuck."""

from contextlib import suppress

from sqlalchemy import func, select

import durable
import workflows  # noqa: F401  the workflows that there are
from durable import queries
from local.waiting import wait_until
from models.core import event_log
from models.core.database import transaction
from models.core.errors import Conflict
from settings import settings
from tests.faults import checks
from tests.faults.drivers import checkout
from tests.faults.workers import SHORT
from tests.shop import Shop


def _stuck(run_id: str) -> int:
    with transaction() as session:
        reported = select(func.count()).where(
            event_log.Event.name == "run.stuck", event_log.Event.payload["run_id"].astext == run_id
        )
        return session.scalars(reported).one()


def test_repeated_kills_before_the_pivot_compensate_the_run(shop: Shop) -> None:
    shop.environment |= SHORT
    worker = shop.worker()
    shop.dispatcher()
    shop.armed.write_text("before-commit@orders.confirm always")
    run_id = checkout()
    assert checks.ended(run_id) == "cancelled"
    shop.armed.unlink()
    with transaction() as session:
        error = queries.get_run(session, run_id).error
    assert error
    assert error["code"] == "too_many_attempts"
    assert worker.log.read_text().count("signal 9 (SIGKILL)'") <= settings.attempts + 1
    checks.check_invariants(shop)


def test_repeated_kills_past_the_pivot_make_the_run_stuck_until_a_retry(shop: Shop) -> None:
    shop.armed.write_text("before-commit@carts.remove_ordered always")
    run_id = checkout()
    assert wait_until(lambda: _stuck(run_id), checks.PATIENCE), checks.describe(run_id)
    assert checks.status_of(run_id, "inventory.allocate") == "done"  # its sibling is not affected
    shop.armed.unlink()
    with suppress(Conflict), transaction() as session:  # a worker may have been faster
        durable.retry(session, run_id)
    assert checks.ended(run_id) == "succeeded"
    assert _stuck(run_id) == 1
    checks.check_invariants(shop, repeated_mails=1)  # its record shared the first killed transaction
