"""Runs in states that an operator meets, without workers."""

from datetime import UTC, datetime
from typing import Any

from tests.runs import TRACE, failed, started, step

DECLINED = {"status": 402, "code": "payment_declined", "detail": "Your card has insufficient funds.",
            "step": "payments.authorise"}  # fmt: skip


def stuck(**values: Any) -> str:
    """A checkout that cannot reach its gateway."""
    run_id = started(stuck_at=datetime.now(UTC), stuck_reason="payments.authorise failed 5 times", attempts=5, **values)
    step(run_id, "inventory.reserve")
    step(run_id, "payments.authorise", "intent", error=TRACE, attempts=5)
    for number in range(1, 6):
        failed(run_id, "payments.authorise", number)
    return run_id


def declined(**values: Any) -> str:
    """A checkout whose card was declined, and which was compensated."""
    run_id = started(status="cancelled", error=DECLINED, finished_at=datetime.now(UTC), **values)
    step(run_id, "inventory.reserve")
    step(run_id, "payments.authorise", "refused", error=DECLINED)
    step(run_id, "undo:inventory.reserve")
    step(run_id, "orders.cancel")
    return run_id
