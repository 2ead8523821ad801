"""The SMS provider and the push service of the mailbox as processes, spoken to by the libraries of others."""

import json
import time
from collections.abc import Iterator
from typing import Any

import apprise
import pytest
import requests
from py_vapid import Vapid02
from pywebpush import WebPusher

from setting_groups.production import KNOWN_VAPID_KEY
from tests.reaching import subscribe
from tests.servers import Server


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server("sandbox.mailbox", tmp_path_factory.mktemp("mailbox"))
    yield server
    assert server.stop() == 0


def messages(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(server.url + "/messages.json", timeout=30).json()
    return found


def push(
    server: Server, subscription: dict[str, Any], text: str = "", key: str = KNOWN_VAPID_KEY, **changes: str
) -> requests.Response:
    claims = {"aud": server.url, "sub": "mailto:shop@shop.example", "exp": int(time.time()) + 3600}
    for name in [name for name in changes if name in claims]:
        claims[name] = int(changes.pop(name)) if name == "exp" else changes.pop(name)
    payload = text or json.dumps({"title": "Shipped", "body": "On its way"})
    body = WebPusher(subscription).encode(payload.encode())["body"]
    headers = {
        **Vapid02.from_raw(key.encode()).sign(claims), "TTL": "60", "Content-Encoding": "aes128gcm", **changes,
    }  # fmt: skip
    kept = {name: value for name, value in headers.items() if value}
    return requests.post(subscription["endpoint"], data=body, headers=kept, timeout=30)


def test_a_text_message_is_accepted_once_per_key(mailbox: Server) -> None:
    url = f"json://127.0.0.1:{mailbox.ports['http']}/sms?:to=%2B491701234567&+Idempotency-Key=ntf_1"
    for _ in range(2):
        assert apprise.Apprise(url).notify(body="Shipped\nOn its <way>")
    (text,) = messages(mailbox)
    assert (text["kind"], text["to"], text["subject"]) == ("text", ["+491701234567"], "Shipped")
    assert text["deliveries"] == 1
    page = requests.get(f"{mailbox.url}/messages/{text['id']}", timeout=30).text
    assert "On its &lt;way&gt;" in page


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("no json", 400), ("[]", 400), ('{"to": "+491701234567"}', 400), ('{"to": "0170", "message": "x"}', 400),
        ('{"to": "+15005550009", "message": "x"}', 400),
        (json.dumps({"to": "+491701234567", "message": "x" * 1601}), 413),
    ],
)  # fmt: skip
def test_an_invalid_text_message_is_refused(mailbox: Server, body: str, status: int) -> None:
    assert requests.post(mailbox.url + "/sms", data=body, headers=JSON, timeout=30).status_code == status


def test_the_provider_can_be_down(mailbox: Server) -> None:
    requests.post(mailbox.url + "/sandbox/faults", json={"kind": "sms_down"}, timeout=30).raise_for_status()
    body = {"to": "+491701234567", "message": "x"}
    answers = [requests.post(mailbox.url + "/sms", json=body, timeout=30).status_code for _ in range(2)]
    assert answers == [503, 202]


def test_a_browser_shows_what_it_has_decrypted(mailbox: Server) -> None:
    subscription = subscribe(mailbox.url)
    answers = [push(mailbox, subscription, Topic="order-1") for _ in range(2)]
    assert {(answer.status_code, answer.headers["Location"][:10]) for answer in answers} == {(201, "/messages/")}
    shown = next(one for one in messages(mailbox) if one["kind"] == "push")
    assert (shown["subject"], shown["deliveries"]) == ("Shipped", 2)
    other = subscribe(mailbox.url)
    push(mailbox, {**other, "keys": subscription["keys"]})  # encrypted for another browser
    assert messages(mailbox)[0]["subject"] == "(the browser cannot read this notification)"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"TTL": ""}, 400), ({"Content-Encoding": "aesgcm"}, 400), ({"Topic": "x" * 33}, 400),
        ({"Authorization": ""}, 401), ({"aud": "https://push.example"}, 403), ({"exp": "1"}, 403),
        ({"exp": str(int(time.time()) + 100_000)}, 403),
    ],
)  # fmt: skip
def test_an_invalid_request_is_refused(mailbox: Server, changes: dict[str, str], status: int) -> None:
    assert push(mailbox, subscribe(mailbox.url), **changes).status_code == status


def test_a_subscription_takes_messages_of_its_key_only(mailbox: Server) -> None:
    point = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    assert push(mailbox, subscribe(mailbox.url, point)).status_code == 403


def test_a_message_has_a_maximum_size(mailbox: Server) -> None:
    subscription = subscribe(mailbox.url)
    assert push(mailbox, subscription, "x" * 4200).status_code == 413


def test_a_busy_service_says_when_to_try_again(mailbox: Server) -> None:
    requests.post(mailbox.url + "/sandbox/faults", json={"kind": "push_busy"}, timeout=30).raise_for_status()
    answer = push(mailbox, subscribe(mailbox.url))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


def test_a_subscription_ends_and_its_end_survives_a_kill(mailbox: Server) -> None:
    kept, ended = subscribe(mailbox.url), subscribe(mailbox.url)
    assert requests.delete(ended["endpoint"], timeout=30).status_code == 204
    mailbox.kill()
    mailbox.start()
    assert (push(mailbox, kept).status_code, push(mailbox, ended).status_code) == (201, 410)
    unknown = {**kept, "endpoint": kept["endpoint"][:-1] + ("0" if kept["endpoint"][-1] != "0" else "1")}
    assert push(mailbox, unknown).status_code == 404
    assert requests.delete(unknown["endpoint"], timeout=30).status_code == 404
