"""What all calls of the sandbox PayPal have in common: authentication, request ids and injected faults."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tornado.web import RequestHandler

from sandbox.faults import Faults
from sandbox.paypal import answers, params
from sandbox.paypal.answers import Answer, Refused
from sandbox.paypal.faults import Fault
from sandbox.paypal.ledger import Ledger


@dataclass
class State:
    """What the handlers share. All of them run in one thread, so that only an `await` can part their work."""

    ledger: Ledger
    client: tuple[str, str]
    webhook_id: str
    faults: Faults[Fault] = field(default_factory=lambda: Faults(Fault))
    in_use: set[tuple[str, str]] = field(default_factory=set)


class Call(RequestHandler):
    """One call of PayPal's API."""

    state: State

    def initialize(self, state: State) -> None:
        self.state = state

    def prepare(self) -> None:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.state.ledger.knows_token(token):
            self.reply(answers.unauthorised())

    async def do(self, work: Callable[[], Answer]) -> None:
        """Answers with what `work` makes, unless a fault comes before or after it."""
        fault = self.state.faults.next(f"{self.request.method} {self.request.path}")
        if fault and fault.kind in ("500", "429"):
            return self.reply(answers.told_to_fail() if fault.kind == "500" else answers.rate_limited())
        try:
            answer = work()
        except Refused as refused:
            answer = refused.answer
        if fault and fault.kind == "cut":
            self.detach().close()
            return
        if fault and fault.kind == "500_after":
            answer = answers.told_to_fail()
        if fault:
            await asyncio.sleep(fault.seconds)
        self.reply(answer)

    async def write_once(self, keep: float, work: Callable[[Any, str | None], tuple[Answer, str]]) -> None:
        """Does the work of a POST, once for its PayPal-Request-Id as long as its answer is kept."""
        request_id, path = self.request.headers.get("PayPal-Request-Id"), self.request.path
        if request_id and (path, request_id) in self.state.in_use:
            return self.reply(answers.in_use(request_id).answer)

        def once() -> Answer:
            given = params.decode(self.request.body)
            return self.state.ledger.answer_once(path, request_id, given, keep, lambda: work(given, request_id))

        holding = {(path, request_id)} if request_id else set()
        self.state.in_use |= holding
        try:
            await self.do(once)
        finally:
            self.state.in_use -= holding

    def reply(self, answer: Answer) -> None:
        self.set_status(answer.status)
        if answer.body is None:
            self.finish()
            return
        self.set_header("Content-Type", "application/json")
        if "debug_id" in answer.body:
            self.set_header("PayPal-Debug-Id", answer.body["debug_id"])
        self.finish(json.dumps(answer.body))

    def write_error(self, status_code: int, **_: Any) -> None:
        self.reply(answers.error(status_code, "INTERNAL_SERVER_ERROR", "INTERNAL_SERVICE_ERROR", self._reason))
