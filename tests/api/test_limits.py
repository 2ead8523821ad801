"""Limits of requests per network and caller, and shares of places to wait."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from pybreaker import CircuitBreaker

from api.http import request_hooks
from serving import limits
from serving.run_waiter import Holder, Places
from settings import Settings, settings
from tests.conftest import ADDRESS, UNLIMITED

HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets settings, and begins with nothing counted."""

    def changed(**values: Any) -> None:
        changed_settings = settings.model_copy(update=values)
        changed_settings.__dict__["results"] = values.get("result_url") or settings.results  # cached
        monkeypatch.setattr(limits, "settings", changed_settings)
        monkeypatch.setattr(limits, "_breaker", CircuitBreaker(fail_max=limits.FAILURES, reset_timeout=limits.PAUSE))
        monkeypatch.setattr(limits, "_fault", None)
        monkeypatch.setattr(limits, "_logged_at", -limits.LOG_INTERVAL)
        limits._limiter.cache_clear()
        if "result_url" not in values:
            limits._limiter().storage.reset()

    changed()
    return changed


@pytest.fixture(autouse=True)
def _forget_limiter() -> Iterator[None]:
    yield
    limits._limiter.cache_clear()


def register(client: Any, ip: str = HOME, **changes: Any) -> Any:
    name = f"user{uuid4().hex[:12]}"
    person = {"username": name, "email": f"{name}@example.org", "password": "correct horse battery",
              "first_name": "Ada", "last_name": "Tester", "address": ADDRESS, **changes}  # fmt: skip
    return client.post("/v1/auth/register", json=person, environ_overrides={"REMOTE_ADDR": ip})


def test_the_defaults_are_finite_and_the_tests_differ() -> None:
    for name in UNLIMITED:
        assert Settings.model_fields[name].default != UNLIMITED[name]
    assert Settings.model_fields["limit_registrations"].default == "20/10 minutes"


def test_registrations_are_limited_per_network(client: Any, limit: Callable[..., None]) -> None:
    limit(limit_registrations="3/10 minutes")
    assert register(client, password="short").status_code == 422  # does not count
    assert [register(client).status_code for _ in range(3)] == [201] * 3
    refused = register(client, f"::ffff:{HOME}")
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) == refused.json["retry_after"] <= 600
    assert register(client, ELSEWHERE).status_code == 201


def test_registrations_at_once_do_not_exceed_the_limit(app: Any, client: Any, limit: Callable[..., None]) -> None:
    limit(limit_registrations="3/10 minutes")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: register(app.test_client()).status_code, range(8)))
    assert sorted(answers) == [201] * 3 + [429] * 5


def test_guest_carts_are_limited_and_a_customers_own_cart_is_not(
    client: Any, customer: Any, limit: Callable[..., None]
) -> None:
    limit(limit_guest_carts="2/1 hour")
    assert [client.post("/v1/cart").status_code for _ in range(3)] == [201, 201, 429]
    assert [customer.post("/v1/cart").status_code for _ in range(3)] == [200] * 3


def test_requests_for_mails_are_limited_per_network(client: Any, limit: Callable[..., None]) -> None:
    limit(limit_mails="2/1 hour")
    answers = [client.post("/v1/auth/password/forgot", json={"email": f"user{n}@example.org"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]


def test_requests_for_mails_to_ones_own_and_to_other_addresses_are_limited_together(
    customer: Any, limit: Callable[..., None]
) -> None:
    limit(limit_mails="2/1 hour")
    assert customer.post("/v1/me/email/confirmation").status_code == 202
    for body in ({"first_name": "Grace"}, {"email": "customer@example.org"}, {"email": "no address"}):
        assert customer.patch("/v1/me", json=body).status_code in (200, 422)  # they do not count
    assert customer.patch("/v1/me", json={"email": "new@example.org"}).status_code == 200
    refused = customer.patch("/v1/me", json={"email": "third@example.org", "first_name": "Eve"})
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_requests")
    shown = customer.get("/v1/me").json
    assert (shown["pending_email"], shown["first_name"]) == ("new@example.org", "Grace")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("email/confirm", {"token": "t"}),
        ("email/confirm/button?token=t", None),
        ("email/restore", {"token": "t"}),
        ("password/reset", {"token": "t", "new_password": "a new password"}),
    ],
)
def test_mailed_tokens_are_limited_per_network(
    client: Any, limit: Callable[..., None], path: str, body: dict[str, str] | None
) -> None:
    limit(limit_mailed_tokens="2/1 hour")
    assert client.get("/v1/auth/email/confirm?token=t").status_code == 404  # they are counted together
    assert [client.post(f"/v1/auth/{path}", json=body).status_code for _ in range(2)] == [422, 429]


def test_imports_are_limited_per_caller(sign_in: Callable[..., Any], limit: Callable[..., None]) -> None:
    limit(limit_imports="1/1 hour")
    ada, bob = sign_in("ada", "admin"), sign_in("bob", "admin")
    upload = {"data": b"nothing", "content_type": "text/csv"}
    first, second, other = (who.post("/v1/catalogue/imports", **upload) for who in (ada, ada, bob))
    assert (first.status_code, second.status_code, other.status_code) == (422, 429, 422)


@pytest.mark.parametrize("name", ["shipping_rates", "test_messages"])
def test_what_costs_money_elsewhere_is_limited_per_caller(
    sign_in: Callable[..., Any], limit: Callable[..., None], name: str
) -> None:
    limit(**{f"limit_{name}": "1/1 hour"})
    keys = iter(range(3))

    def ask(who: Any) -> int:
        if name == "shipping_rates":
            return int(who.get(f"/v1/shipping-rates?order_id=ord_{'0' * 32}").status_code)
        wanted = {"kind": "welcome", "channel": "sms", "language": "en"}
        headers = {"Idempotency-Key": f"key-{next(keys)}"}
        return int(who.post("/v1/notifications/test", json=wanted, headers=headers).status_code)

    ada, bob = sign_in("ada", "admin"), sign_in("bob", "admin")
    assert [ask(who) for who in (ada, ada, bob)] == [404, 429, 404]


def test_everything_is_let_through_and_said_while_redis_is_away(
    client: Any, limit: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    limit(limit_registrations="1/1 hour", result_url="redis://127.0.0.1:9/0")  # the discard port: nobody listens
    assert [register(client).status_code for _ in range(6)] == [201] * 6
    assert [record.levelname for record in caplog.records if record.name == limits.__name__] == ["WARNING"]
    assert limits.fault()
    limit(limit_registrations="1/1 hour")
    assert [register(client).status_code for _ in range(2)] == [201, 429]
    assert limits.fault() is None


def test_a_redis_that_does_not_answer_is_asked_three_times(client: Any, limit: Callable[..., None]) -> None:
    asked: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def accept() -> None:
            while True:
                try:
                    asked.append(silent.accept()[0])
                except OSError:
                    return

        Thread(target=accept, daemon=True).start()
        limit(limit_guest_carts="1/1 hour", result_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        assert [client.post("/v1/cart").status_code for _ in range(10)] == [201] * 10
        silent.shutdown(socket.SHUT_RDWR)
    for connection in asked:
        connection.close()
    assert 0 < len(asked) <= 2 * limits.FAILURES


def test_a_caller_gets_a_share_of_the_places() -> None:
    places, ada, bob = Places(total=3, per_caller=2, per_network=9), Holder("ada", HOME), Holder("bob", HOME)
    assert [places.take(ada) for _ in range(3)] == [True, True, False]
    assert [places.take(bob) for _ in range(2)] == [True, False]  # all three are taken
    places.give_back(ada)
    assert places.take(bob)


def test_a_network_gets_a_share_of_the_places_whoever_calls() -> None:
    places = Places(total=9, per_caller=9, per_network=2)
    assert [places.take(Holder(f"caller{n}", HOME)) for n in range(3)] == [True, True, False]
    assert places.take(Holder("caller0", ELSEWHERE))
    places.give_back(Holder("caller0", HOME))
    assert places.take(Holder("caller3", HOME))


def test_of_many_at_once_no_caller_gets_more_than_its_share() -> None:
    places = Places(total=8, per_caller=2, per_network=9)
    with ThreadPoolExecutor(16) as threads:
        taken = list(threads.map(lambda n: places.take(Holder(f"caller{n % 3}", HOME)), range(48)))
    assert sum(taken) == 6


def test_a_page_that_is_too_long_is_refused_and_a_shorter_one_is_not(
    sign_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = sign_in("ada", "admin")
    for number in range(4):
        sign_in(f"user{number}")
    monkeypatch.setattr(request_hooks, "settings", settings.model_copy(update={"answer_bytes": 1000}))
    refused = admin.get("/v1/users?limit=5")
    assert (refused.status_code, refused.json["code"], refused.json["limit"]) == (422, "answer_too_large", 1000)
    assert len(refused.data) < 1000
    assert len(admin.get("/v1/users?limit=1").json["data"]) == 1
    with closing(admin.get("/v1/me/export")) as export:
        assert export.status_code == 200, "what is not a page is not refused"
