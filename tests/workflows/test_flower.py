"""Flower receives events of each step, even if one message led to several steps."""

import threading
from collections import defaultdict
from typing import Any

from durable.plan import FRESH, plan
from local.waiting import wait_until
from tests.shop import Shop
from workflows.app import app
from workflows.checkout import CHECKOUT


def test_flower_shows_every_step_of_a_checkout(shop: Shop, customer: Any, product: Any, order: Any) -> None:
    seen: dict[str, list[dict[str, Any]]] = defaultdict(list)
    ended = threading.Event()

    def listen() -> None:
        with app.connection_for_read() as connection:
            receiver = app.events.Receiver(
                connection, handlers={"*": lambda event: seen[event.get("uuid", "")].append(event)}
            )
            with receiver.consumer_context() as (connection, _, _):
                ready.set()
                while not ended.is_set():
                    try:
                        connection.drain_events(timeout=0.2)
                    except TimeoutError:
                        continue

    ready = threading.Event()
    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert ready.wait(60)
        task = order(customer, {product("CUP", 9): 1}, wait=0).json["links"]["task"]
        run_id = task.rpartition("/")[2]
        expected = {f"{run_id}:0:{call.name}" for stage in plan(CHECKOUT, FRESH) for call in stage}
        assert wait_until(lambda: {uuid for uuid in list(seen) if len(seen[uuid]) >= 3} >= expected, 30), dict(seen)
    finally:
        ended.set()
        listener.join()
    for uuid in expected:
        kinds = [event["type"] for event in seen[uuid]]
        assert kinds == ["task-received", "task-started", "task-succeeded"]
        received, started, succeeded = seen[uuid]
        assert received["name"] == uuid.rpartition(":")[2]
        assert received["hostname"] == started["hostname"] == succeeded["hostname"]
        assert received["timestamp"] <= started["timestamp"] <= succeeded["timestamp"]
        assert succeeded["runtime"] >= 0
