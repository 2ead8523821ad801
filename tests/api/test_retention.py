"""Responses about rows deleted by retention."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from durable import queries, transitions
from models.core.database import transaction
from models.operations import retention
from tests.shopping import place_order, product

__all__ = ["product"]


def test_an_order_outlives_its_task(customer: Any, product: Callable[..., str]) -> None:
    cup = product("CUP", 10)
    with transaction() as session:
        order = place_order(session, customer.user_id, {cup: 1})
        session.info.clear()  # not to be published
    assert order.run_id
    with transaction() as session:
        transitions.end(session, queries.get_run(session, order.run_id), "cancelled")
    task = f"/v1/tasks/{customer.get(f'/v1/orders/{order.id}').json['task_id']}"
    assert customer.get(task).status_code == 200
    with transaction() as session:
        assert retention.prune(session, ["runs"]).deleted == {}
        session.execute(text("UPDATE workflow.run SET finished_at = now() - interval '91 days'"))
        session.execute(text("UPDATE workflow.run SET id = uuidv7(interval '-91 days')"))
        session.execute(text('UPDATE orders."order" SET run_id = (SELECT id FROM workflow.run)'))
    old = customer.get(f"/v1/orders/{order.id}").json["task_id"]
    with transaction() as session:
        assert retention.prune(session, ["runs"]).deleted == {"runs": 1}
    assert customer.get(f"/v1/orders/{order.id}").json["task_id"] == old
    task = f"/v1/tasks/{old}"
    for path in (task, f"{task}?wait=1", f"{task}/events"):
        answer = customer.get(path)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
