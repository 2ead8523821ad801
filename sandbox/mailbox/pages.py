"""The web pages of the mailbox: the list of messages, one message, the list as JSON, and fault injection."""

import json
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Literal

from tornado.template import DictLoader
from tornado.web import Application, HTTPError, RequestHandler

from sandbox.doors import GuardedApplication
from sandbox.faults import FaultsHandler
from sandbox.mailbox.page import Page, State
from sandbox.mailbox.push_service import ROOT, NewSubscription, Subscription
from sandbox.mailbox.sms import Sms
from sandbox.mailbox.store import Message

MAX_SHOWN = 200  # messages on the page; /messages.json has all

TEMPLATES = {
    "frame.html": """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{% block title %}Mailbox{% end %}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f6f6; padding: 1rem; }
iframe { width: 100%; height: 30rem; border: 1px solid #ddd; }
td { overflow-wrap: anywhere; }
.kind { border-radius: .25rem; padding: .1rem .4rem; background: #e8eef7; color: #17365d; white-space: nowrap; }
.text { background: #e5f3e8; color: #14532d; } .push { background: #f6e9d3; color: #6b3f00; }
@media (max-width: 40rem) {
body { margin: 1rem auto; padding: 0 .75rem; }
.list tr { display: block; padding: .5rem 0; border-bottom: 1px solid #ddd; } .list tr:first-child { display: none; }
.list td { display: block; border: 0; padding: .1rem 0; }
.list td:last-child::before { content: "Deliveries: "; }
}
</style></head><body>{% block body %}{% end %}</body></html>""",
    "list.html": """{% extends "frame.html" %}{% block body %}
<h1>Mailbox</h1>
<p>{{ total }} messages{% if total > len(messages) %}, the newest {{ len(messages) }} of them{% end %}.
<a href="/messages.json">As JSON</a></p>
<table class="list"><tr><th>Received (UTC)</th><th>Kind</th><th>To</th><th>Subject</th><th>Deliveries</th></tr>
{% for message in messages %}<tr><td>{{ message["received_at"][:19].replace("T", " ") }}</td>
<td><span class="kind {{ message["kind"] }}">{{ message["kind"] }}</span></td><td>{{ ", ".join(message["to"]) }}</td>
<td><a href="/messages/{{ message["id"] }}">{{ message["subject"] or "(no subject)" }}</a></td>
<td>{{ message["deliveries"] }}</td></tr>{% end %}</table>{% end %}""",
    "message.html": """{% extends "frame.html" %}
{% block title %}{{ message["subject"] }}{% end %}{% block body %}
<p><a href="/">Mailbox</a></p><h1>{{ message["subject"] or "(no subject)" }}</h1>
<table>{% for name, value in message.items() %}<tr><th>{{ name }}</th>
<td>{{ ", ".join(value) if isinstance(value, list) else value }}</td></tr>{% end %}</table>
{% if text %}<h2>Text</h2><pre>{{ text }}</pre>{% end %}
{% if html %}<h2>HTML</h2><iframe sandbox="" title="HTML part" srcdoc="{{ html }}"></iframe>{% end %}
{% end %}""",
}


class MessageList(Page):
    def get(self) -> None:
        messages = self.state.store.newest()
        shown = [summary(message) for message in messages[:MAX_SHOWN]]
        self.render("list.html", messages=shown, total=len(messages))


class MessagesAsJson(Page):
    def get(self) -> None:
        """All messages, or with `to`, those to an address."""
        address = self.get_query_argument("to", "")
        found = (message for message in self.state.store.newest() if not address or address in message.to)
        self.reply(200, [summary(message) for message in found])


class OneMessage(Page):
    def get(self, identifier: str) -> None:
        message = self.state.store.find(identifier)
        if not message:
            raise HTTPError(404)
        text, html = content(message)
        self.render("message.html", message=summary(message), text=text, html=html)


class Health(Page):
    def get(self) -> None:
        self.reply(200, {"status": "ok"})


def application(state: State) -> Application:
    """The mailbox's routes."""
    routes: list[tuple[str, type[RequestHandler]]] = [
        (r"/", MessageList),
        (r"/messages\.json", MessagesAsJson),
        (r"/messages/(msg_[0-9a-f]+)", OneMessage),
        (r"/sms", Sms),
        (rf"{ROOT}/subscriptions", NewSubscription),
        (rf"{ROOT}/([0-9a-f]{{32}})", Subscription),
        (r"/healthz", Health),
    ]
    return GuardedApplication(
        [
            *((path, handler, {"state": state}) for path, handler in routes),
            (r"/sandbox/faults", FaultsHandler, {"faults": state.faults}),
        ],
        template_loader=DictLoader(TEMPLATES),
    )


def summary(message: Message) -> dict[str, Any]:
    """The JSON representation of a message."""
    return {
        "id": message.id,
        "kind": message.kind,
        "to": message.to,
        "from": message.sender,
        "subject": message.subject,
        "message_id": message.message_id,
        "received_at": datetime.fromtimestamp(message.received_at, UTC).isoformat().replace("+00:00", "Z"),
        "deliveries": message.deliveries,
    }


def content(message: Message) -> tuple[str, str]:
    """The text and HTML of a message. For a mail that cannot be decoded, its source."""
    raw = message.path.read_bytes()
    if message.kind != "mail":
        return json.loads(raw)["message"], ""
    mail = message_from_bytes(raw, EmailMessage, policy=policy.default)
    try:
        return _part(mail, "plain"), _part(mail, "html")
    except (LookupError, ValueError):
        return raw.decode(errors="replace"), ""


def _part(mail: EmailMessage, subtype: Literal["plain", "html"]) -> str:
    part = mail.get_body((subtype,))
    return part.get_content() if isinstance(part, EmailMessage) else ""
