"""The sandbox gateway's HTTP side: who asks, which call it is, under which key, and with which fault."""

import asyncio
import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tornado.web import Application, RequestHandler

from sandbox.faults import Faults, FaultsHandler
from sandbox.gateway import errors, intents, params
from sandbox.gateway.bank import BANK, BankPage
from sandbox.gateway.errors import Answer, Refused
from sandbox.gateway.faults import ON_ARRIVAL, ON_EXECUTION, Fault
from sandbox.gateway.ledger import Ledger, new_id

MAX_KEY = 255


@dataclass
class State:
    """What the handlers share. All of them run in one thread, so that only an `await` can part their work."""

    ledger: Ledger
    faults: Faults[Fault] = field(default_factory=lambda: Faults(Fault))
    keys_in_use: set[str] = field(default_factory=set)


class Call(RequestHandler):
    """One call of Stripe's API. Subclasses say what `get` and `post` do with the ledger."""

    state: State

    def initialize(self, state: State) -> None:
        self.state = state

    def set_default_headers(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.set_header("Request-Id", new_id("req"))

    def prepare(self) -> None:
        try:
            self._authenticate()
        except Refused as refused:
            self.reply(refused.answer)

    async def read(self, work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Answers a GET with what `work` makes of the query's parameters."""
        fault = self.state.faults.next(self.request.path, ON_ARRIVAL)
        if fault and fault.kind == "unavailable":
            return self.reply(errors.told_to_fail(503))
        try:
            answer = Answer(200, work(params.decode(self.request.query)))
        except Refused as refused:
            answer = refused.answer
        await self._reply_with(answer, fault)

    async def write_once(self, work: Callable[[dict[str, Any], str | None], Answer]) -> None:
        """Answers a POST by doing `work`, once per Idempotency-Key, however often it arrives."""
        fault = self.state.faults.next(self.request.path, ON_ARRIVAL)
        if fault and fault.kind == "unavailable":
            return self.reply(errors.told_to_fail(503))
        key = self.request.headers.get("Idempotency-Key")
        try:
            with self._using(key):
                form = params.decode(self._form())
                answer, again = self.state.ledger.answer_once(
                    key, self.request.path, form, lambda: self._work(work, form, key)
                )
                if key:
                    self.set_header("Idempotency-Key", key)
                if again:
                    self.set_header("Idempotent-Replayed", "true")
                await self._reply_with(answer, fault)
        except Refused as refused:
            await self._reply_with(refused.answer, fault)

    def reply(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.finish(json.dumps(answer.body))

    def write_error(self, status_code: int, **_: Any) -> None:
        self.reply(errors.error(status_code, "api_error", self._reason))

    async def _reply_with(self, answer: Answer, fault: Fault | None) -> None:
        if fault and fault.kind == "cut":
            self.detach().close()
            return
        if fault:
            await asyncio.sleep(fault.seconds)
        self.reply(answer)

    def _work(self, work: Callable[[dict[str, Any], str | None], Answer], form: Any, key: str | None) -> Answer:
        """Does the work, unless a fault comes before it; the answer, a 500 too, is what the key stands for."""
        fault = self.state.faults.next(self.request.path, ON_EXECUTION)
        if fault and fault.kind == "error":
            return errors.told_to_fail(500)
        answer = work(form, key)
        return errors.told_to_fail(500) if fault else answer

    def _form(self) -> str:
        try:
            return self.request.body.decode()
        except UnicodeDecodeError:
            raise errors.invalid("The request's body is not UTF-8.") from None

    @contextmanager
    def _using(self, key: str | None) -> Any:
        """Holds the key until its answer is out, so that a twin that arrives meanwhile is told so."""
        if not key:
            yield
            return
        if len(key) > MAX_KEY:
            raise errors.invalid(f"Idempotency keys are at most {MAX_KEY} characters long.")
        if key in self.state.keys_in_use:
            raise errors.key_in_use(key)
        self.state.keys_in_use.add(key)
        try:
            yield
        finally:
            self.state.keys_in_use.discard(key)

    def _authenticate(self) -> None:
        scheme, _, value = self.request.headers.get("Authorization", "").partition(" ")
        key = value.strip() if scheme.lower() == "bearer" else ""
        if scheme.lower() == "basic":
            try:
                key = b64decode(value, validate=True).decode().partition(":")[0]
            except (Base64Error, UnicodeDecodeError):
                key = ""
        if not key.startswith(("sk_", "rk_")):
            raise errors.unauthorised(key)


class Intents(Call):
    async def post(self) -> None:
        bank = f"{self.request.protocol}://{self.request.host}{BANK}"
        await self.write_once(
            lambda form, key: intents.create(self.state.ledger, params.check(params.CreateIntent, form), key, bank)
        )

    async def get(self) -> None:
        await self.read(self._list)

    def _list(self, query: dict[str, Any]) -> dict[str, Any]:
        asked = params.check(params.IntentListing, query)
        page = _page(self.state.ledger, "payment_intent", asked, since=asked.created.gte)
        if asked.expand:
            page["data"] = [intents.expand(self.state.ledger, intent) for intent in page["data"]]
        return page


class Intent(Call):
    async def get(self, identifier: str) -> None:
        def retrieve(query: dict[str, Any]) -> dict[str, Any]:
            asked = params.check(params.Retrieve, query)
            intent = intents.require(self.state.ledger, identifier)
            return intents.expand(self.state.ledger, intent) if asked.expand else intent

        await self.read(retrieve)


class Capture(Call):
    async def post(self, identifier: str) -> None:
        await self.write_once(
            lambda form, key: intents.capture(self.state.ledger, identifier, params.check(params.Capture, form), key)
        )


class Cancel(Call):
    async def post(self, identifier: str) -> None:
        await self.write_once(
            lambda form, key: intents.cancel(self.state.ledger, identifier, params.check(params.Cancel, form), key)
        )


class Refunds(Call):
    async def post(self) -> None:
        await self.write_once(
            lambda form, key: intents.refund(self.state.ledger, params.check(params.CreateRefund, form), key)
        )

    async def get(self) -> None:
        def listing(query: dict[str, Any]) -> dict[str, Any]:
            asked = params.check(params.RefundListing, query)
            return _page(self.state.ledger, "refund", asked, intent=asked.payment_intent)

        await self.read(listing)


class Unknown(Call):
    def prepare(self) -> None:
        self.reply(errors.unknown_url(self.request.method or "", self.request.path).answer)


class Operator(RequestHandler):
    """What tests and operators ask of the sandbox; Stripe has nothing like it."""

    state: State

    def initialize(self, state: State) -> None:
        self.state = state

    def reply(self, status: int, body: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))


class Book(Operator):
    def get(self) -> None:
        self.reply(200, self.state.ledger.all())


class Lapse(Operator):
    def post(self, identifier: str) -> None:
        try:
            with self.state.ledger.transaction():
                answer = intents.lapse(self.state.ledger, identifier)
        except Refused as refused:
            answer = refused.answer
        self.reply(answer.status, answer.body)


class Health(Operator):
    def get(self) -> None:
        self.reply(200, {"status": "ok"})


def application(ledger: Ledger) -> Application:
    """The gateway's routes over its ledger."""
    shared = {"state": State(ledger)}
    routes: list[tuple[str, type[RequestHandler]]] = [
        (r"/v1/payment_intents", Intents),
        (r"/v1/payment_intents/([^/]+)", Intent),
        (r"/v1/payment_intents/([^/]+)/capture", Capture),
        (r"/v1/payment_intents/([^/]+)/cancel", Cancel),
        (r"/v1/refunds", Refunds),
        (r"/sandbox/ledger", Book),
        (r"/sandbox/payment_intents/([^/]+)/lapse", Lapse),
        (r"/healthz", Health),
    ]
    return Application(
        [
            *((path, handler, shared) for path, handler in routes),
            (r"/sandbox/faults", FaultsHandler, {"faults": shared["state"].faults}),
            (f"{BANK}/([^/]+)", BankPage, {"ledger": ledger}),
        ],
        default_handler_class=Unknown,
        default_handler_args=shared,
    )


def _page(ledger: Ledger, kind: str, asked: params.Listing, **which: Any) -> dict[str, Any]:
    """Stripe's list: the newest first, `has_more` when there are older ones."""
    if asked.starting_after and not ledger.find(kind, asked.starting_after):
        raise errors.missing(kind, asked.starting_after, "starting_after")
    found = ledger.newest(kind, asked.limit + 1, after=asked.starting_after, **which)
    return {
        "object": "list",
        "url": f"/v1/{kind}s",
        "has_more": len(found) > asked.limit,
        "data": found[: asked.limit],
    }
