"""The mailbox as a process: accepted mails are stored once and shown safely."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers import Server


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Server]:
    server = Server("sandbox.mailbox", tmp_path)
    yield server
    assert server.stop() == 0


def send(server: Server, *, message_id: str | None = None, subject: str = "Grüße", text: str = "Hallo") -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Shop <shop@localhost>", "ann@example.com", subject
    if message_id:
        mail["Message-ID"] = message_id
    mail.set_content(text)
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], "localhost", timeout=5) as connection:
        connection.send_message(mail)


def messages(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(server.url + "/messages.json", timeout=30).json()
    return found


def test_an_accepted_mail_survives_a_kill(mailbox: Server) -> None:
    send(mailbox, message_id="<1@shop>")
    mailbox.kill()
    mailbox.start()
    (mail,) = messages(mailbox)
    assert mail["to"] == ["ann@example.com"]
    assert mail["from"] == "Shop <shop@localhost>"
    assert mail["subject"] == "Grüße"
    assert mail["message_id"] == "<1@shop>"
    assert mail["deliveries"] == 1


def test_a_repeated_message_id_counts_as_a_redelivery(mailbox: Server) -> None:
    send(mailbox, message_id="<1@shop>")
    send(mailbox, message_id="<2@shop>")
    send(mailbox, message_id="<1@shop>")
    expected = [("<2@shop>", 1), ("<1@shop>", 2)]
    assert [(mail["message_id"], mail["deliveries"]) for mail in messages(mailbox)] == expected
    mailbox.kill()
    mailbox.start()
    assert [(mail["message_id"], mail["deliveries"]) for mail in messages(mailbox)] == expected


def test_mails_without_a_message_id_are_distinct(mailbox: Server) -> None:
    send(mailbox)
    send(mailbox)
    assert len(messages(mailbox)) == 2


def test_a_refuse_fault_answers_451_and_stores_nothing(mailbox: Server) -> None:
    faults = mailbox.url + "/sandbox/faults"
    assert requests.post(faults, json={"kind": "refuse", "times": 2}, timeout=30).status_code == 201
    for _ in range(2):
        with pytest.raises(smtplib.SMTPDataError) as caught:
            send(mailbox)
        assert caught.value.smtp_code == 451
    send(mailbox)
    assert len(messages(mailbox)) == 1
    wrong = requests.post(faults, json={"kind": "fire"}, timeout=30)
    assert wrong.status_code == 400


def test_pages_escape_the_text_of_mails(mailbox: Server) -> None:
    send(mailbox, subject="<script>alert(1)</script>", text="<script>alert(2)</script>")
    (mail,) = messages(mailbox)
    for path in ("/", f"/messages/{mail['id']}"):
        page = requests.get(mailbox.url + path, timeout=30)
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
    assert "&lt;script&gt;alert(2)" in page.text
    assert requests.get(mailbox.url + "/messages/msg_0", timeout=30).status_code == 404


def test_a_malformed_mail_is_stored_and_shown(mailbox: Server) -> None:
    head = b"Subject: =?utf-9?q?=FF?= \xff\r\nMessage-ID: \xfe\r\nContent-Type: text/plain; charset=nonsense\r\n"
    raw = head + b"\r\n\xff\r\n"
    with smtplib.SMTP("127.0.0.1", mailbox.ports["smtp"], "localhost", timeout=5) as connection:
        connection.sendmail("", ["ann@example.com"], raw)
    (mail,) = messages(mailbox)
    for path in ("/", f"/messages/{mail['id']}"):
        assert requests.get(mailbox.url + path, timeout=30).status_code == 200
    mailbox.kill()
    mailbox.start()
    assert len(messages(mailbox)) == 1
