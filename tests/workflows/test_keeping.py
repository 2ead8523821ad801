"""An external call longer than the lease: a live worker keeps its run."""

from typing import Any

import requests

from durable import queries
from models.core.database import transaction
from tests.shop import QUICK, Shop

SLOW = 2.5 * float(QUICK["SHOP_LEASE"])
assert float(QUICK["SHOP_GATEWAY_TIMEOUT"]) > SLOW


def test_a_call_longer_than_the_lease_is_made_once(shop: Shop, customer: Any, product: Any, order: Any) -> None:
    faults = f"{shop.gateway.url}/sandbox/faults"
    delay = requests.post(faults, json={"kind": "delay", "seconds": SLOW, "path": "/v1/payment_intents"}, timeout=30)
    assert delay.status_code == 201
    task = order(customer, {product("CUP", 9): 1}, wait=0).json["links"]["task"]
    ended = customer.get(f"{task}?wait=20").json
    assert ended["status"] == "succeeded"
    with transaction() as session:
        run = queries.get_run(session, ended["id"])
        steps = {step.name: step for step in queries.steps_of_run(session, run.id)}
    assert run.finished_at is not None
    assert (run.finished_at - run.created_at).total_seconds() > SLOW
    assert (run.generation, steps["payments.authorise"].attempts) == (0, 1)
