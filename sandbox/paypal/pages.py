"""What people see of the sandbox PayPal: the page on which a customer approves an order, and a list of orders."""

import json
from typing import Any

from tornado.template import DictLoader
from tornado.web import HTTPError, RequestHandler

from sandbox.page_frame import page_frame
from sandbox.paypal import orders
from sandbox.paypal.answers import Answer, Refused
from sandbox.paypal.ledger import Ledger
from sandbox.paypal.params import Decision, check, decode

SHOWN = 200
TEMPLATES = DictLoader(
    {
        "approve.html": page_frame(
            "PayPal",
            "The sandbox's PayPal",
            """<h1>Pay {{ amount["value"] }} {{ amount["currency_code"] }}?</h1>
<form method="post"><p><label for="funding">Paid from</label><br><select id="funding" name="funding">
<option value="good">an account with money</option>
<option value="declined">a card that is declined</option>
<option value="drained">an account that is empty after three days</option>
<option value="reviewed">an account that PayPal reviews first</option>
<option value="echeck">a bank account, to which refunds take days</option></select></p>
<p class="buttons"><button class="main" name="result" value="succeeded">Complete</button>
<button name="result" value="failed">Fail</button></p></form>""",
        ),
        "orders.html": page_frame(
            "PayPal",
            "The sandbox's PayPal",
            """<h1>Orders</h1><p><a href="/sandbox/ledger">As JSON</a></p>
<table class="stack"><thead><tr><th scope="col">Created</th><th scope="col">Order</th><th scope="col">Status</th>
<th scope="col">Amount</th><th scope="col">Shop's order / payment</th><th scope="col">Decide</th></tr></thead><tbody>
{% for order in orders %}{% set unit = order["purchase_units"][0] %}<tr>
<td data-label="Created">{{ order["create_time"] }}</td>
<td data-label="Order"><code>{{ order["id"] }}</code></td><td data-label="Status">{{ order["status"] }}</td>
<td data-label="Amount">{{ unit["amount"]["value"] }} {{ unit["amount"]["currency_code"] }}</td>
<td data-label="Shop's order / payment"><code>{{ unit.get("custom_id", "") }}</code></td>
<td data-label="Decide">{% if order["status"] in undecided %}
<a href="/checkoutnow?token={{ order["id"] }}">approve</a>{% else %}-{% end %}</td>
</tr>{% end %}</tbody></table>""",
        ),
    }
)


class ApprovePage(RequestHandler):
    """Asks the customer, and sends them back to the shop: to its `return_url`, or its `cancel_url`."""

    ledger: Ledger

    def initialize(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def get(self) -> None:
        try:
            order = orders.require(self.ledger, self.get_query_argument("token"))
        except Refused:
            raise HTTPError(404) from None
        if order["status"] not in orders.UNDECIDED:
            raise HTTPError(409)
        self.finish(TEMPLATES.load("approve.html").generate(amount=order["purchase_units"][0]["amount"]))

    def post(self) -> None:
        """`result` is `succeeded` or `failed`, `funding` one of the page's: a form, or JSON.

        A form is answered with 303 to the shop; JSON with 200 and the same address as `redirect`.
        """
        is_json = self.request.headers.get("Content-Type", "").startswith("application/json")
        try:
            given = decode(self.request.body) if is_json else self._form()
            with self.ledger.transaction():
                back = orders.decide(self.ledger, self.get_query_argument("token"), check(Decision, given))
        except Refused as refused:
            return _reply(self, refused.answer)
        if is_json:
            return _reply(self, Answer(200, {"redirect": back}))
        self.redirect(back, status=303)

    def _form(self) -> dict[str, str]:
        return {name: self.get_body_argument(name) for name in self.request.body_arguments}


class OrderList(RequestHandler):
    """The newest orders."""

    ledger: Ledger

    def initialize(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def get(self) -> None:
        newest = self.ledger.orders()[: -SHOWN - 1 : -1]
        self.finish(TEMPLATES.load("orders.html").generate(orders=newest, undecided=orders.UNDECIDED))


def _reply(handler: Any, answer: Answer) -> None:
    handler.set_status(answer.status)
    handler.set_header("Content-Type", "application/json")
    handler.finish(json.dumps(answer.body))
