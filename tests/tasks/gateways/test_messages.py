"""The adapters for text messages and push notifications, with the mailbox of the sandbox and with servers that fail."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from models import accounts
from models.core.errors import GatewayDown, MessageRefused
from settings import Settings
from tasks.gateways.push import web_push
from tasks.gateways.sms import through_apprise
from tests.reaching import KEYS, subscribe
from tests.servers import Receiver, Server, unresponsive_port

NUMBER = "+491701234567"


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server("sandbox.mailbox", tmp_path_factory.mktemp("mailbox"))
    yield server
    assert server.stop() == 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.close()


def use(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    chosen = Settings(**changes)
    for module in (through_apprise, web_push, accounts.devices):
        monkeypatch.setattr(module, "settings", chosen)


def json_url(port: int) -> str:
    return f"json://shop:secret@127.0.0.1:{port}/sms?:to={{to}}&+Idempotency-Key={{id}}"


def test_a_text_message_is_sent_once_per_key(mailbox: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, mailbox_port=mailbox.ports["http"])
    for _ in range(2):
        through_apprise.send(to=NUMBER, text="Größe & co", key="run_1:step")
    (text,) = requests.get(mailbox.url + "/messages.json", timeout=30).json()
    assert (text["to"], text["subject"], text["deliveries"]) == ([NUMBER], "Größe & co", 1)


def test_the_url_of_any_provider_may_be_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, sms_url=f"form://127.0.0.1:{receiver.port}/?:recipient={{to}}&+X-Key={{id}}")
    through_apprise.send(to=NUMBER, text="Hello", key="run_1:step")
    ((_, body),) = receiver.got
    assert b"recipient=%2B491701234567" in body
    assert receiver.headers[0]["X-Key"] == "run_1:step"


@pytest.mark.parametrize("status", through_apprise.REFUSED)
def test_a_refused_message_is_refused(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver(status)
    use(monkeypatch, sms_url=json_url(receiver.port))
    with pytest.raises(MessageRefused, match=f"HTTP {status}") as refusal:
        through_apprise.send(to=NUMBER, text="Hello", key="1")
    assert refusal.value.of_recipient == (status != 413)
    receiver.close()


@pytest.mark.parametrize("status", [302, 401, 402, 403, 429, 500, 503])
def test_a_provider_that_is_unavailable_or_not_set_up_is_no_refusal(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver(status)
    use(monkeypatch, sms_url=json_url(receiver.port))
    with pytest.raises(GatewayDown, match=f"provider 1: HTTP {status}"):
        through_apprise.send(to=NUMBER, text="Hello", key="1")
    assert len(receiver.got) == 1  # a redirect is not followed
    receiver.close()


def test_the_next_provider_is_tried(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with unresponsive_port() as dead:
        use(monkeypatch, sms_url=f"{json_url(dead)} unknown://{{to}} {json_url(receiver.port)}", sms_timeout=1)
        through_apprise.send(to=NUMBER, text="Hello", key="1")
    assert len(receiver.got) == 1


QUIET = """
import logging
logging.basicConfig(level=logging.DEBUG)
from tasks.gateways.sms import through_apprise
through_apprise.send(to="+491701234567", text="The code is 123456", key="1")
"""


def test_the_log_has_neither_the_text_nor_the_secrets(receiver: Receiver) -> None:
    with unresponsive_port() as dead:
        urls = [json_url(dead), "nonsense://secret/{to}", f"json://127.0.0.1:{receiver.port}/secret?:to={{to}}"]
        environment = {**os.environ, "SHOP_SMS_URL": " ".join(urls), "SHOP_SMS_TIMEOUT": "1"}
        done = subprocess.run(
            [sys.executable, "-c", QUIET], env=environment, capture_output=True, text=True, check=True
        )
    assert len(receiver.got) == 1
    assert "DEBUG" in done.stderr
    assert not [word for word in ("123456", "secret", "170123") if word in done.stdout + done.stderr]


def send(endpoint: str, keys: dict[str, str] = KEYS) -> web_push.Answer:
    return web_push.send(endpoint, keys, {"title": "Shipped", "body": "On its way"}, topic="t1", ttl=60)


def test_a_push_notification_is_decrypted_by_the_browser(mailbox: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, mailbox_port=mailbox.ports["http"])
    subscription = subscribe(mailbox.url, web_push.public_key())
    assert send(subscription["endpoint"], subscription["keys"]).is_accepted
    newest = requests.get(mailbox.url + "/messages.json", timeout=30).json()[0]
    assert (newest["kind"], newest["subject"]) == ("push", "Shipped")
    requests.delete(subscription["endpoint"], timeout=30)
    assert send(subscription["endpoint"], subscription["keys"]).status in web_push.GONE


def test_the_address_is_checked_when_it_is_connected_to(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    answer = send(f"http://localhost:{receiver.port}/x")
    assert (answer.status, answer.is_temporary) == (None, True)
    assert receiver.got == []
    use(monkeypatch, push_allow_private=True)
    assert send(f"http://localhost:{receiver.port}/x").is_accepted


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver(302)
    use(monkeypatch, push_allow_private=True)
    answer = send(receiver.url)
    assert (answer.status, answer.is_accepted, answer.is_temporary) == (302, False, False)
    receiver.close()


def test_a_push_service_that_does_not_answer_is_waited_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, push_allow_private=True, push_timeout=0.5)
    with unresponsive_port() as dead:
        answer = send(f"http://127.0.0.1:{dead}/secret")
    assert (answer.status, answer.is_temporary) == (None, True)
    assert "secret" not in (answer.error or "")


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), ("120", 120.0), ("9" * 5000, 1e8), ("soon", None), ("-1", None)]
)
def test_retry_after_is_read(value: str | None, seconds: float | None) -> None:
    assert web_push._seconds(value) == seconds


def test_retry_after_may_be_a_date() -> None:
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 90))
    assert 80 < (web_push._seconds(later) or 0) <= 90
    assert web_push._seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
