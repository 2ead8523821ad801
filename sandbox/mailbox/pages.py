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
from sandbox.page_frame import page_frame

MAX_SHOWN = 200  # messages on the page; /messages.json has all

STYLE = """
.kind { border-radius: .25rem; padding: .1rem .4rem; background: var(--info-tint); color: var(--info);
  white-space: nowrap; }
.text { background: var(--good-tint); color: var(--good); }
.push { background: var(--accent-tint); color: var(--accent-strong); }
iframe { width: 100%; height: 30rem; border: 1px solid var(--line); background: #fff; color-scheme: light; }
th[scope=row] { white-space: nowrap; color: var(--soft); font-weight: 500; }
td { overflow-wrap: anywhere; }
"""
TEMPLATES = {
    "list.html": page_frame(
        "Mailbox",
        "Mailbox",
        """<h1>Messages</h1>
<p>{{ total }} messages{% if total > len(messages) %}, the newest {{ len(messages) }} of them{% end %}.
<a href="/messages.json">As JSON</a></p>
<table class="stack"><thead><tr><th scope="col">Received (UTC)</th><th scope="col">Kind</th><th scope="col">To</th>
<th scope="col">Subject</th><th scope="col">Deliveries</th></tr></thead><tbody>
{% for message in messages %}<tr><td data-label="Received">{{ message["received_at"][:19].replace("T", " ") }}</td>
<td data-label="Kind"><span><span class="kind {{ message["kind"] }}">{{ message["kind"] }}</span></span></td>
<td data-label="To">{{ ", ".join(message["to"]) }}</td>
<td data-label="Subject"><a href="/messages/{{ message["id"] }}">{{ message["subject"] or "(no subject)" }}</a></td>
<td data-label="Deliveries">{{ message["deliveries"] }}</td></tr>{% end %}</tbody></table>""",
        STYLE,
    ),
    "message.html": page_frame(
        "Mailbox",
        """{{ message["subject"] or "(no subject)" }}""",
        """<p><a href="/">All messages</a></p><h1>{{ message["subject"] or "(no subject)" }}</h1>
<table>{% for name, value in message.items() %}<tr><th scope="row">{{ name }}</th>
<td>{{ ", ".join(value) if isinstance(value, list) else value }}</td></tr>{% end %}</table>
{% if text %}<h2>Text</h2><pre tabindex="0">{{ text }}</pre>{% end %}
{% if html %}<h2>HTML</h2><iframe sandbox="" title="HTML part" srcdoc="{{ html }}"></iframe>{% end %}""",
        STYLE,
    ),
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
