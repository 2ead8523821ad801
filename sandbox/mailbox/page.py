"""What all requests to the mailbox share."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from tornado.web import RequestHandler

from sandbox import faults
from sandbox.faults import Faults
from sandbox.mailbox.store import Store
from sandbox.mailbox.subscriptions import Subscriptions


class Fault(faults.Fault):
    """`refuse`: the response to the next `times` mails is 451, a temporary failure. `sms_down`: the SMS provider
    responds 503. `push_busy`: the push service responds 429."""

    kind: Literal["refuse", "sms_down", "push_busy"]


@dataclass
class State:
    store: Store
    subscriptions: Subscriptions
    faults: Faults[Fault] = field(default_factory=lambda: Faults(Fault))


class Page(RequestHandler):
    state: State

    def initialize(self, state: State) -> None:
        self.state = state

    def set_default_headers(self) -> None:
        # The content of a mail must not run scripts or load resources in the browser.
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")

    def reply(self, status: int, body: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))
