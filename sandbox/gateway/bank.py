"""The sandbox bank: the page to which customers are redirected for authentication (3-D Secure)."""

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from tornado.template import Template
from tornado.web import HTTPError, RequestHandler

from sandbox.gateway import intents
from sandbox.gateway.errors import Refused
from sandbox.gateway.ledger import Ledger
from sandbox.page_frame import page_frame

BANK = "/sandbox/bank"
PAGE = Template(
    page_frame(
        "Bank",
        "Sandbox bank",
        """<h1>Confirm the payment of {{ "%.2f" % (intent["amount"] / 100) }} {{ intent["currency"].upper() }}</h1>
<p>A real bank asks here for a code or for its app (3-D Secure).</p>
<form method="post" class="buttons"><button class="main" name="result" value="succeeded">Complete</button>
<button name="result" value="failed">Fail</button></form>""",
    )
)


class BankPage(RequestHandler):
    """Asks the customer to confirm the payment, then redirects to the shop, like Stripe's test page."""

    ledger: Ledger

    def initialize(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def get(self, identifier: str) -> None:
        self.finish(PAGE.generate(intent=self._require_redirect(identifier)))

    def post(self, identifier: str) -> None:
        """Completes or fails the authentication: `result` is `succeeded` or `failed`, in a form or as JSON.

        A form is answered with 303 to the shop; JSON with 200 and the same address as `redirect`.
        """
        is_json = self.request.headers.get("Content-Type", "").startswith("application/json")
        result = self._result_in_json() if is_json else self.get_body_argument("result")
        if result not in ("succeeded", "failed"):
            raise HTTPError(400)
        intent = self._require_redirect(identifier)
        with self.ledger.transaction():
            intents.authenticate(self.ledger, identifier, success=result == "succeeded")
        query = {
            "payment_intent": identifier, "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": result,
        }  # fmt: skip
        return_url = intent["next_action"]["redirect_to_url"]["return_url"]
        back = f"{return_url}{'&' if urlsplit(return_url).query else '?'}{urlencode(query)}"
        if is_json:
            self.finish({"redirect": back})
        else:
            self.redirect(back, status=303)

    def _result_in_json(self) -> Any:
        try:
            given = json.loads(self.request.body)
        except ValueError:
            raise HTTPError(400) from None
        return given.get("result") if isinstance(given, dict) else None

    def _require_redirect(self, identifier: str) -> dict[str, Any]:
        """The intent, if it waits for authentication on this page. Raises HTTPError: 404 if unknown, otherwise 409."""
        try:
            intent = intents.require(self.ledger, identifier)
        except Refused:
            raise HTTPError(404) from None
        if (intent["next_action"] or {}).get("type") != "redirect_to_url":
            raise HTTPError(409)
        return intent
