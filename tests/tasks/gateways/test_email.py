"""The mail adapter with the mailbox of the sandbox."""

import socket
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests

from models.core.errors import GatewayDown, MailRefused
from settings import Settings
from tasks.gateways.email import smtp as mail
from tests.servers import Server, unresponsive_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server("sandbox.mailbox", tmp_path_factory.mktemp("mailbox"))
    yield started
    assert started.stop() == 0


@pytest.fixture
def mailbox(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    use(monkeypatch, smtp_port=server.ports["smtp"])
    yield server
    mail.close_connection()


@pytest.fixture
def ann() -> str:
    """A unique address of a customer."""
    return f"ann.{uuid4().hex}@example.com"


def use(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    mail.close_connection()
    monkeypatch.setattr(mail, "settings", Settings(mail_from="Shop <shop@shop.example>", **changes))


def send(to: str, message_id: str | None = None, subject: str = "Order 7", text: str = "Thank you.") -> str:
    message_id = message_id or f"<{uuid4().hex}@shop>"
    mail.send(to=to, subject=subject, text=text, html="<p>Thank you.</p>", message_id=message_id)
    return message_id


def inbox(server: Server, to: str) -> list[dict[str, Any]]:
    got = requests.get(server.url + "/messages.json", timeout=30).json()
    return [message for message in got if message["to"] == [to]]


def test_a_mail_is_delivered(mailbox: Server, ann: str) -> None:
    message_id = send(ann, subject="Größe\nBcc: eve@example.com")
    (got,) = inbox(mailbox, ann)
    assert got["from"] == "Shop <shop@shop.example>"
    assert got["subject"] == "Größe Bcc: eve@example.com"
    assert got["message_id"] == message_id
    page = requests.get(f"{mailbox.url}/messages/{got['id']}", timeout=30).text
    assert '<pre tabindex="0">Thank you.' in page
    assert "&lt;p&gt;Thank you.&lt;/p&gt;" in page


def test_a_repeated_message_id_is_the_same_mail(mailbox: Server, ann: str) -> None:
    first = send(ann)
    send(ann, first)
    send(ann)
    assert [got["deliveries"] for got in inbox(mailbox, ann)] == [1, 2]


def test_mails_share_one_connection(mailbox: Server, ann: str) -> None:
    send(ann)
    first = mail._local.connection
    send(ann)
    assert mail._local.connection is first


def test_an_unavailable_server_is_gateway_down_until_it_returns(mailbox: Server, ann: str) -> None:
    first = send(ann)
    mailbox.kill()
    with pytest.raises(GatewayDown):
        send(ann)
    mailbox.start()
    second = send(ann)
    assert [got["message_id"] for got in inbox(mailbox, ann)] == [second, first]


def test_a_server_restart_between_two_mails_is_no_error(mailbox: Server, ann: str) -> None:
    send(ann)
    mailbox.kill()
    mailbox.start()
    send(ann)
    assert len(inbox(mailbox, ann)) == 2


def test_a_connection_that_the_server_has_just_closed_is_noticed(
    mailbox: Server, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "CHECK_AFTER_IDLE", 60.0)  # no question whether it is alive
    send(ann)
    first = mail._local.connection
    send(ann)
    assert mail._local.connection is first
    mailbox.kill()
    mailbox.start()
    send(ann)
    assert len(inbox(mailbox, ann)) == 3


def test_a_temporary_refusal_is_gateway_down(mailbox: Server, ann: str) -> None:
    requests.post(mailbox.url + "/sandbox/faults", json={"kind": "refuse"}, timeout=30).raise_for_status()
    with pytest.raises(GatewayDown, match="451"):
        send(ann)
    send(ann)
    assert len(inbox(mailbox, ann)) == 1


@pytest.mark.usefixtures("mailbox")
@pytest.mark.parametrize("to", ["", "ann", "@", "ann@example.com, eve@example.com", "ann@example.com\nBcc: e@x.com"])
def test_an_invalid_address_is_refused(to: str) -> None:
    with pytest.raises(MailRefused):
        send(to)


def test_a_mail_can_be_unsubscribed_from_with_one_click(ann: str) -> None:
    made = mail.compose(to=ann, subject="S", text="T", message_id="<1@shop>", unsubscribe="https://shop.example/u?t=1")
    assert made["List-Unsubscribe"] == "<https://shop.example/u?t=1>"
    assert made["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.compose(to=ann, subject="S", text="T", message_id="<1@shop>")["List-Unsubscribe"] is None


def test_an_unknown_address_is_refused_because_of_the_address(mailbox: Server) -> None:
    with pytest.raises(MailRefused, match=r"550 5\.1\.1") as refused:
        send("ann@gone.invalid")
    assert refused.value.of_address
    send("ann@example.com")  # the connection is still good
    with pytest.raises(MailRefused, match="552") as refused:
        send("ann@example.com", text="a line of text\n" * 1_000_000)
    assert not refused.value.of_address


def test_a_permanent_refusal_is_mail_refused(mailbox: Server, ann: str) -> None:
    with pytest.raises(MailRefused, match="552"):
        send(ann, text="a line of text\n" * 1_000_000)
    assert inbox(mailbox, ann) == []
    send(ann)
    assert len(inbox(mailbox, ann)) == 1


def test_a_refused_connection_is_gateway_down(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, smtp_url="smtp://127.0.0.1:9")
    with pytest.raises(GatewayDown):
        send("ann@example.com")


def test_a_server_without_a_greeting_is_gateway_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts connections and never sends a greeting
        use(monkeypatch, smtp_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}", mail_timeout=0.2)
        with pytest.raises(GatewayDown, match="timed out"):
            send("ann@example.com")


def test_the_connect_timeout_is_shorter_than_the_response_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "CONNECT_TIMEOUT", 0.2)
    for scheme in ("smtp", "smtps"):
        with unresponsive_port() as port:
            use(monkeypatch, smtp_url=f"{scheme}://127.0.0.1:{port}", mail_timeout=600)
            with pytest.raises(GatewayDown, match="timed out"):
                send("ann@example.com")


@pytest.mark.usefixtures("mailbox")
def test_the_response_timeout_is_the_setting(ann: str, monkeypatch: pytest.MonkeyPatch) -> None:
    send(ann)
    assert mail._local.connection.sock.gettimeout() == Settings().mail_timeout == 5
