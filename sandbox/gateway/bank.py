"""The page of the customer's bank, to which a payment is redirected that needs authentication (3-D Secure)."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from tornado.template import Template
from tornado.web import HTTPError, RequestHandler

from sandbox.gateway import intents
from sandbox.gateway.errors import Refused
from sandbox.gateway.ledger import Ledger

BANK = "/sandbox/bank"
PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The sandbox's bank</title></head><body>
<h1>Is it you who pays {{ "%.2f" % (intent["amount"] / 100) }} {{ intent["currency"].upper() }}?</h1>
<form method="post"><button name="outcome" value="complete">Complete</button>
<button name="outcome" value="fail">Fail</button></form>
</body></html>""")


class BankPage(RequestHandler):
    """Asks whether it is the customer who pays, and sends the customer back to the shop, as Stripe's test page does."""

    ledger: Ledger

    def initialize(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def get(self, identifier: str) -> None:
        self.finish(PAGE.generate(intent=self._waiting(identifier)))

    def post(self, identifier: str) -> None:
        """`outcome` is `complete` or `fail`."""
        outcome = self.get_body_argument("outcome")
        if outcome not in ("complete", "fail"):
            raise HTTPError(400)
        intent = self._waiting(identifier)
        with self.ledger.transaction():
            intents.authenticate(self.ledger, identifier, success=outcome == "complete")
        said = {
            "payment_intent": identifier, "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if outcome == "complete" else "failed",
        }  # fmt: skip
        back = intent["next_action"]["redirect_to_url"]["return_url"]
        self.redirect(f"{back}{'&' if urlsplit(back).query else '?'}{urlencode(said)}", status=303)

    def _waiting(self, identifier: str) -> dict[str, Any]:
        """The payment, if it waits for its customer to come here. Raises HTTPError."""
        try:
            intent = intents.require(self.ledger, identifier)
        except Refused:
            raise HTTPError(404) from None
        if (intent["next_action"] or {}).get("type") != "redirect_to_url":
            raise HTTPError(409)
        return intent
