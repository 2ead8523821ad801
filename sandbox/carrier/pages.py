"""What people and tests ask of the sandbox carrier; EasyPost has nothing like it: parcels, labels, and moves."""

import json
from typing import Any

from pydantic import BaseModel, ValidationError
from tornado.template import Template
from tornado.web import HTTPError, RequestHandler

from sandbox.carrier import errors, shipments, trackers
from sandbox.carrier.book import Book
from sandbox.carrier.errors import Refused
from sandbox.carrier.label import pdf
from sandbox.carrier.trackers import MOVES, Move
from sandbox.page_frame import page_frame

LABELS = "/sandbox/labels"
SHOWN = 200
PAGE = Template(
    page_frame(
        "Carrier",
        "Parcels",
        """<h1>Parcels</h1>
<p>The newest {{ len(parcels) }} with a label. <a href="/sandbox/parcels">As JSON</a></p>
<table class="stack"><thead><tr><th scope="col">Reference</th><th scope="col">Tracking code</th>
<th scope="col">Service</th><th scope="col">To</th><th scope="col">Status</th>
<th scope="col">Move</th></tr></thead><tbody>
{% for parcel in parcels %}<tr><td data-label="Reference"><code>{{ parcel["reference"] or "" }}</code></td>
<td data-label="Tracking code"><a href="{{ parcel["label_url"] }}">{{ parcel["tracking_code"] }}</a></td>
<td data-label="Service">{{ parcel["carrier"] }} {{ parcel["service"] }}</td><td data-label="To">{{ parcel["to"] }}</td>
<td data-label="Status">{{ parcel["status"] }}
{% if parcel["refund_status"] %}, refund {{ parcel["refund_status"] }}{% end %}</td>
<td data-label="Move"><form class="buttons" method="post" action="/sandbox/parcels/{{ parcel["tracking_code"] }}/move">
{% for status in moves %}<button name="status" value="{{ status }}">{{ status }}</button> {% end %}</form></td>
</tr>{% end %}</tbody></table>""",
        ".buttons button { font-weight: 400; min-height: 2rem; padding: .1rem .6rem; } .buttons { gap: .4rem; }",
    )
)


class Asked(BaseModel):
    status: Move


class Page(RequestHandler):
    book: Book

    def initialize(self, book: Book) -> None:
        self.book = book

    def reply(self, status: int, body: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))


class ParcelPage(Page):
    """The parcels, newest first, each with buttons that move it."""

    def get(self) -> None:
        self.finish(PAGE.generate(parcels=parcels(self.book), moves=MOVES))


class ParcelsAsJson(Page):
    def get(self) -> None:
        self.reply(200, parcels(self.book))


class MoveParcel(Page):
    def post(self, tracking_code: str) -> None:
        """Moves a parcel to `status`, which comes as JSON or from a button of the page; that goes back to the page."""
        from_page = self.request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        try:
            form = {"status": self.get_body_argument("status", "")} if from_page else json.loads(self.request.body)
            asked = Asked.model_validate(form)
            with self.book.transaction():
                tracker = trackers.move(self.book, tracking_code, asked.status)
        except ValidationError as failure:
            refusal = errors.from_validation(failure).answer
            return self.reply(refusal.status, refusal.body)
        except ValueError:
            raise HTTPError(400) from None
        except Refused as refused:
            return self.reply(refused.answer.status, refused.answer.body)
        if from_page:
            return self.redirect("/", status=303)
        self.reply(200, tracker)


class LabelPage(Page):
    """The label of a bought shipment, as a PDF of one page."""

    def get(self, identifier: str) -> None:
        shipment = self.book.find("Shipment", identifier)
        if not shipment or not shipment["postage_label"]:
            raise HTTPError(404)
        self.set_header("Content-Type", "application/pdf")
        self.finish(pdf(shipment))


def parcels(book: Book) -> list[dict[str, Any]]:
    """The newest parcels, in short."""
    return [
        {
            "shipment_id": shipment["id"],
            "reference": shipment["reference"],
            "tracking_code": shipment["tracking_code"],
            "carrier": shipment["selected_rate"]["carrier"],
            "service": shipment["selected_rate"]["service"],
            "rate": shipment["selected_rate"]["rate"],
            "to": f"{shipment['to_address']['name'] or ''}, {shipment['to_address']['city']}",
            "status": shipment["tracker"]["status"],
            "refund_status": shipment["refund_status"],
            "label_url": shipment["postage_label"]["label_url"],
        }
        for shipment in shipments.bought(book, SHOWN)
    ]
