"""The sandbox carrier's HTTP side: authentication, routing and injected faults."""

import asyncio
import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tornado.web import Application, RequestHandler

from sandbox.carrier import errors, forms, shipments, trackers
from sandbox.carrier.book import Book
from sandbox.carrier.errors import Answer, Refused
from sandbox.carrier.faults import REFUSED, Fault
from sandbox.carrier.pages import LABELS, LabelPage, MoveParcel, ParcelPage, ParcelsAsJson
from sandbox.doors import GuardedApplication
from sandbox.faults import Faults, FaultsHandler


@dataclass
class State:
    """What the handlers share. All of them run in one thread, so that only an `await` can part their work."""

    book: Book
    faults: Faults[Fault] = field(default_factory=lambda: Faults(Fault))


class Call(RequestHandler):
    """One call of EasyPost's API. Subclasses say what `get` and `post` do with the book."""

    state: State

    def initialize(self, state: State) -> None:
        self.state = state

    def set_default_headers(self) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")

    def prepare(self) -> None:
        if not self._key().startswith("EZTK"):
            self.reply(errors.unauthorised().answer)

    async def answer(self, work: Callable[[], dict[str, Any]], status: int = 200) -> None:
        """Answers with what `work` returns, or with its refusal. The work is done in one transaction."""
        fault = self.state.faults.next(f"{self.request.method} {self.request.path}")
        if fault and fault.kind in REFUSED:
            return self.reply(errors.told_to_fail(REFUSED[fault.kind]))
        try:
            with self.state.book.transaction():
                answer = Answer(status, work())
        except Refused as refused:
            answer = refused.answer
        await self._reply_with(answer, fault)

    def body(self) -> Any:
        """The JSON that was sent. Raises Refused."""
        try:
            return json.loads(self.request.body or b"{}")
        except ValueError:
            raise Refused(400, "BAD_REQUEST", "The request's body is not JSON.") from None

    def listing(self) -> forms.Listing:
        """The parameters of a list. Raises Refused."""
        return forms.check(forms.Listing, {name: self.get_query_argument(name) for name in self.request.arguments})

    def reply(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.finish(json.dumps(answer.body))

    def write_error(self, status_code: int, **_: Any) -> None:
        self.reply(errors.error(status_code, "INTERNAL_SERVER_ERROR", self._reason))

    async def _reply_with(self, answer: Answer, fault: Fault | None) -> None:
        match fault:
            case Fault(kind="cut"):
                self.detach().close()
                return
            case Fault(kind="late"):
                await asyncio.sleep(fault.seconds)
            case Fault(kind="500_after"):
                answer = errors.told_to_fail(500)
        self.reply(answer)

    def _key(self) -> str:
        """The API key, sent as a bearer's token or as the user of basic authentication."""
        scheme, _, value = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return value.strip()
        try:
            return b64decode(value, validate=True).decode().partition(":")[0]
        except (Base64Error, UnicodeDecodeError):
            return ""


class Shipments(Call):
    async def post(self) -> None:
        await self.answer(
            lambda: shipments.create(self.state.book, forms.check(forms.CreateShipment, self.body()).shipment), 201
        )

    async def get(self) -> None:
        await self.answer(lambda: shipments.page(self.state.book, self.listing()))


class Shipment(Call):
    async def get(self, identifier: str) -> None:
        await self.answer(lambda: shipments.require(self.state.book, identifier))


class Buy(Call):
    async def post(self, identifier: str) -> None:
        labels = f"{self.request.protocol}://{self.request.host}{LABELS}"
        await self.answer(
            lambda: shipments.buy(self.state.book, identifier, forms.check(forms.Buy, self.body()), labels)
        )


class Refund(Call):
    async def post(self, identifier: str) -> None:
        await self.answer(lambda: shipments.refund(self.state.book, identifier))


class Trackers(Call):
    async def post(self) -> None:
        await self.answer(
            lambda: trackers.create(self.state.book, forms.check(forms.CreateTracker, self.body()).tracker), 201
        )

    async def get(self) -> None:
        await self.answer(lambda: trackers.page(self.state.book, self.listing()))


class Tracker(Call):
    async def get(self, identifier: str) -> None:
        await self.answer(lambda: trackers.require(self.state.book, identifier))


class Unknown(Call):
    def prepare(self) -> None:
        self.reply(errors.missing(self.request.method or "", self.request.path).answer)


class Health(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"status": "ok"}))


def application(book: Book) -> Application:
    """The carrier's routes over its book."""
    shared = {"state": State(book)}
    calls: list[tuple[str, type[RequestHandler]]] = [
        (r"/v2/shipments", Shipments),
        (r"/v2/shipments/([^/]+)", Shipment),
        (r"/v2/shipments/([^/]+)/buy", Buy),
        (r"/v2/shipments/([^/]+)/refund", Refund),
        (r"/v2/trackers", Trackers),
        (r"/v2/trackers/([^/]+)", Tracker),
    ]
    pages: list[tuple[str, type[RequestHandler]]] = [
        (r"/", ParcelPage),
        (r"/sandbox/parcels", ParcelsAsJson),
        (r"/sandbox/parcels/([^/]+)/move", MoveParcel),
        (f"{LABELS}/([^/]+)\\.pdf", LabelPage),
    ]
    return GuardedApplication(
        [
            *((path, handler, shared) for path, handler in calls),
            *((path, handler, {"book": book}) for path, handler in pages),
            (r"/sandbox/faults", FaultsHandler, {"faults": shared["state"].faults}),
            (r"/healthz", Health),
        ],
        default_handler_class=Unknown,
        default_handler_args=shared,
    )
