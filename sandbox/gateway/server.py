"""The HTTP handlers of the sandbox gateway, and their routes."""

import json
from typing import Any

from tornado.web import Application, RequestHandler

from sandbox.doors import GuardedApplication
from sandbox.faults import FaultsHandler
from sandbox.gateway import disputes, errors, intents, params, payment_methods, refunds
from sandbox.gateway.bank import BANK, BankPage
from sandbox.gateway.call import Call, State
from sandbox.gateway.errors import Answer, Refused
from sandbox.gateway.ledger import Ledger


class Intents(Call):
    async def post(self) -> None:
        bank = f"{self.request.protocol}://{self.request.host}{BANK}"
        await self.write_once(
            lambda form, key: intents.create(self.state.ledger, params.check(params.CreateIntent, form), key, bank)
        )

    async def get(self) -> None:
        await self.read(self._list)

    def _list(self, query: dict[str, Any]) -> dict[str, Any]:
        query_params = params.check(params.IntentListing, query)
        page = _page(
            self.state.ledger, "payment_intent", query_params,
            since=query_params.created.gte, until=query_params.created.lt,
        )  # fmt: skip
        if query_params.expand:
            page["data"] = [intents.expand(self.state.ledger, intent) for intent in page["data"]]
        return page


class Intent(Call):
    async def get(self, identifier: str) -> None:
        def retrieve(query: dict[str, Any]) -> dict[str, Any]:
            query_params = params.check(params.Retrieve, query)
            intent = intents.retrieve(self.state.ledger, identifier)
            return intents.expand(self.state.ledger, intent) if query_params.expand else intent

        await self.read(retrieve)


class PaymentMethods(Call):
    keys = ("pk_", "sk_", "rk_")  # Stripe.js has only the publishable key

    async def post(self) -> None:
        await self.write_once(
            lambda form, key: payment_methods.create(self.state.ledger, params.check(params.CreatePaymentMethod, form))
        )


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


class PartOfIntent(Call):
    """Base of the lists of what belongs to an intent. `kind`: of the objects."""

    kind: str

    async def get(self) -> None:
        def listing(query: dict[str, Any]) -> dict[str, Any]:
            query_params = params.check(params.IntentPartListing, query)
            return _page(self.state.ledger, self.kind, query_params, intent=query_params.payment_intent)

        await self.read(listing)


class Refunds(PartOfIntent):
    kind = "refund"

    async def post(self) -> None:
        await self.write_once(
            lambda form, key: refunds.refund(self.state.ledger, params.check(params.CreateRefund, form), key)
        )


class Disputes(PartOfIntent):
    kind = "dispute"


class Dispute(Call):
    async def post(self, identifier: str) -> None:
        await self.write_once(
            lambda form, key: disputes.update(
                self.state.ledger, identifier, params.check(params.UpdateDispute, form), key
            )
        )


class Unknown(Call):
    def prepare(self) -> None:
        self.reply(errors.unknown_url(self.request.method or "", self.request.path).answer)


class SandboxHandler(RequestHandler):
    """Base of the endpoints for tests and operators, which Stripe does not have."""

    state: State

    def initialize(self, state: State) -> None:
        self.state = state

    def reply(self, status: int, body: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))


class LedgerHandler(SandboxHandler):
    def get(self) -> None:
        self.reply(200, self.state.ledger.all())


class Events(SandboxHandler):
    def get(self) -> None:
        self.reply(200, self.state.ledger.events())


class Change(SandboxHandler):
    """Base of what happens at Stripe without a request. Subclasses implement `change`."""

    def change(self, identifier: str) -> Answer:
        raise NotImplementedError

    def post(self, identifier: str) -> None:
        try:
            with self.state.ledger.transaction():
                answer = self.change(identifier)
        except Refused as refused:
            answer = refused.answer
        self.reply(answer.status, answer.body)


class Lapse(Change):
    def change(self, identifier: str) -> Answer:
        return intents.lapse(self.state.ledger, identifier)


class CreateDispute(Change):
    def change(self, identifier: str) -> Answer:
        return disputes.create(self.state.ledger, identifier)


class EndRefund(Change):
    def change(self, identifier: str) -> Answer:
        asked = params.check(params.EndRefund, params.decode(self.request.body.decode()))
        return refunds.end(self.state.ledger, identifier, asked.status)


class Health(SandboxHandler):
    def get(self) -> None:
        self.reply(200, {"status": "ok"})


def application(ledger: Ledger) -> Application:
    """The gateway's routes."""
    shared = {"state": State(ledger)}
    routes: list[tuple[str, type[RequestHandler]]] = [
        (r"/v1/payment_intents", Intents),
        (r"/v1/payment_intents/([^/]+)", Intent),
        (r"/v1/payment_intents/([^/]+)/capture", Capture),
        (r"/v1/payment_intents/([^/]+)/cancel", Cancel),
        (r"/v1/payment_methods", PaymentMethods),
        (r"/v1/refunds", Refunds),
        (r"/v1/disputes", Disputes),
        (r"/v1/disputes/([^/]+)", Dispute),
        (r"/sandbox/ledger", LedgerHandler),
        (r"/sandbox/events", Events),
        (r"/sandbox/payment_intents/([^/]+)/lapse", Lapse),
        (r"/sandbox/payment_intents/([^/]+)/dispute", CreateDispute),
        (r"/sandbox/refunds/([^/]+)/end", EndRefund),
        (r"/healthz", Health),
    ]
    return GuardedApplication(
        [
            *((path, handler, shared) for path, handler in routes),
            (r"/sandbox/faults", FaultsHandler, {"faults": shared["state"].faults}),
            (f"{BANK}/([^/]+)", BankPage, {"ledger": ledger}),
        ],
        default_handler_class=Unknown,
        default_handler_args=shared,
    )


def _page(ledger: Ledger, kind: str, query_params: params.Listing, **which: Any) -> dict[str, Any]:
    """A list in Stripe's format, newest first. `has_more`: whether there are older objects."""
    if query_params.starting_after and not ledger.find(kind, query_params.starting_after):
        raise errors.missing(kind, query_params.starting_after, "starting_after")
    found = ledger.newest(kind, query_params.limit + 1, after=query_params.starting_after, **which)
    return {
        "object": "list",
        "url": f"/v1/{kind}s",
        "has_more": len(found) > query_params.limit,
        "data": found[: query_params.limit],
    }
