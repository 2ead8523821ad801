"""The sandbox gateway and its idempotency keys, through faults and kills."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from local.waiting import wait_until
from tests.sandbox.gateway import booked, fault, gateway_in, get, new_key, pay, post
from tests.servers import Server


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_chargeDeclined"])
def test_a_repeated_key_replays_the_response_and_runs_once(gateway: Server, method: str) -> None:
    key = new_key()
    first, second = (pay(gateway, key, payment_method=method) for _ in range(2))
    assert first.status_code == second.status_code == (200 if method == "pm_card_visa" else 402)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert [done["kind"] for done in booked(gateway, key)] == ["authorise"]


def test_a_key_of_another_request_is_refused(gateway: Server) -> None:
    key = new_key()
    intent = pay(gateway, key).json()
    for answer in (pay(gateway, key, amount=5), post(gateway, f"/v1/payment_intents/{intent['id']}/capture", key)):
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "idempotency_error"
    assert len(booked(gateway, key)) == 1


def test_invalid_parameters_do_not_consume_the_key(gateway: Server) -> None:
    key = new_key()
    assert pay(gateway, key, amount="many").json()["error"]["param"] == "amount"
    assert pay(gateway, key).status_code == 200


def test_a_key_in_flight_is_a_conflict_and_later_a_replay(gateway: Server) -> None:
    key = new_key()
    fault(gateway, kind="delay", seconds=3)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(pay, gateway, key)
        assert wait_until(lambda: booked(gateway, key), 30)
        twin = pay(gateway, key)
        assert twin.status_code == 409
        assert twin.json()["error"]["code"] == "idempotency_key_in_use"
    assert pay(gateway, key).json() == slow.result().json()
    assert len(booked(gateway, key)) == 1


def test_concurrent_requests_with_one_key_charge_once(gateway: Server) -> None:
    key = new_key()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: pay(gateway, key), range(32)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["id"] for answer in answers if answer.ok}) == 1
    assert len(booked(gateway, key)) == 1


@pytest.mark.parametrize(("kind", "done"), [("error", 0), ("error_after", 1)])
def test_a_500_is_stored_under_its_key_and_replayed(gateway: Server, kind: str, done: int) -> None:
    key, other = new_key(), new_key()
    fault(gateway, kind=kind)
    answers = [pay(gateway, key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 500]
    assert ["Idempotent-Replayed" in answer.headers for answer in answers] == [False, True, True]
    assert len(booked(gateway, key)) == done
    assert pay(gateway, other).status_code == 200


def test_a_stored_500_survives_a_restart(tmp_path: Path) -> None:
    server = gateway_in(tmp_path)
    key = new_key()
    fault(server, kind="error_after")
    assert pay(server, key).status_code == 500
    server.kill()
    server.start()
    assert pay(server, key).headers["Idempotent-Replayed"] == "true"
    assert len(booked(server, key)) == 1
    assert server.stop() == 0


def test_a_replayed_response_consumes_no_fault(gateway: Server) -> None:
    key = new_key()
    pay(gateway, key)
    fault(gateway, kind="error")
    assert pay(gateway, key).status_code == 200
    assert get(gateway, "/v1/payment_intents", limit=1)["object"] == "list"
    assert pay(gateway).status_code == 500


def test_a_503_before_execution_is_not_stored(gateway: Server) -> None:
    key = new_key()
    fault(gateway, kind="unavailable", times=2, path="/v1/payment_intents")
    assert [pay(gateway, key).status_code for _ in range(3)] == [503, 503, 200]
    assert len(booked(gateway, key)) == 1
    fault(gateway, kind="unavailable")
    assert get(gateway, "/v1/payment_intents")["error"]["type"] == "api_error"


def test_a_cut_fault_charges_without_a_response(gateway: Server) -> None:
    key = new_key()
    fault(gateway, kind="cut")
    with pytest.raises(requests.ConnectionError):
        pay(gateway, key)
    assert len(booked(gateway, key)) == 1
    again = pay(gateway, key)
    assert again.status_code == 200
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(booked(gateway, key)) == 1


def test_a_kill_during_a_request_keeps_the_charge_and_the_key(tmp_path: Path) -> None:
    server = gateway_in(tmp_path)
    key = new_key()
    fault(server, kind="delay", seconds=60)
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(pay, server, key)
        assert wait_until(lambda: booked(server, key), 30)
        server.kill()
        with pytest.raises(requests.ConnectionError):
            lost.result()
    server.start()
    again = pay(server, key)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [done["amount"] for done in booked(server, key)] == [1999]
    assert server.stop() == 0
