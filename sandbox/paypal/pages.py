"""What people see of the sandbox PayPal: the page on which a customer approves an order, and a list of orders."""

import json
from typing import Any

from tornado.template import DictLoader
from tornado.web import HTTPError, RequestHandler

from sandbox.paypal import orders
from sandbox.paypal.answers import Answer, Refused
from sandbox.paypal.ledger import Ledger
from sandbox.paypal.params import Decision, check, decode

SHOWN = 200
TEMPLATES = DictLoader(
    {
        "approve.html": """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The sandbox's PayPal</title></head><body>
<h1>Pay {{ amount["value"] }} {{ amount["currency_code"] }}?</h1>
<form method="post"><p><label>Paid from <select name="funding">
<option value="good">an account with money</option>
<option value="declined">a card that is declined</option>
<option value="drained">an account that is empty after three days</option>
<option value="reviewed">an account that PayPal reviews first</option>
<option value="echeck">a bank account, to which refunds take days</option></select></label></p>
<button name="result" value="succeeded">Complete</button>
<button name="result" value="failed">Fail</button></form>
</body></html>""",
        "orders.html": """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The sandbox's PayPal</title><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #ddd; }
</style></head><body><h1>PayPal (sandbox)</h1><p><a href="/sandbox/ledger">As JSON</a></p>
<table><tr><th>Created</th><th>Order</th><th>Status</th><th>Amount</th><th>Shop's order / payment</th><th></th></tr>
{% for order in orders %}{% set unit = order["purchase_units"][0] %}<tr><td>{{ order["create_time"] }}</td>
<td>{{ order["id"] }}</td><td>{{ order["status"] }}</td>
<td>{{ unit["amount"]["value"] }} {{ unit["amount"]["currency_code"] }}</td><td>{{ unit.get("custom_id", "") }}</td>
<td>{% if order["status"] in undecided %}<a href="/checkoutnow?token={{ order["id"] }}">approve</a>{% end %}</td>
</tr>{% end %}</table></body></html>""",
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
