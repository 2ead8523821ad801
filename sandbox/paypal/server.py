"""The calls of PayPal's API that the sandbox answers, and the routes of all that it serves."""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any

from tornado.web import Application, RequestHandler

from sandbox.doors import GuardedApplication
from sandbox.faults import FaultsHandler
from sandbox.paypal import answers, disputes, operating, orders, params, payments, webhooks
from sandbox.paypal.answers import Answer
from sandbox.paypal.call import Call, State
from sandbox.paypal.ledger import Ledger
from sandbox.paypal.pages import ApprovePage, OrderList

HOUR, DAY = 3600.0, 86400.0
KEEP_ORDERS, KEEP_PAYMENTS = 6 * HOUR, 45 * DAY  # how long an answer is repeated under its PayPal-Request-Id
TOKEN_LIFE = 9 * HOUR
TOKENS_A_MINUTE = 120


class Token(Call):
    def prepare(self) -> None:
        """Whoever asks for a token has none yet."""

    async def post(self) -> None:
        await self.do(self._issue)

    def _issue(self) -> Answer:
        scheme, _, value = self.request.headers.get("Authorization", "").partition(" ")
        try:
            identifier, _, secret = b64decode(value, validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            identifier = secret = ""
        if scheme.lower() != "basic" or (identifier, secret) != self.state.client:
            return Answer(401, {"error": "invalid_client", "error_description": "Client Authentication failed"})
        if self.get_body_argument("grant_type", "") != "client_credentials":
            return Answer(400, {"error": "unsupported_grant_type", "error_description": "Grant Type is NULL"})
        token = self.state.ledger.issue_token(TOKEN_LIFE, TOKENS_A_MINUTE)
        if token is None:
            return answers.rate_limited()
        body = {"access_token": token, "token_type": "Bearer", "app_id": "APP-SANDBOX", "expires_in": int(TOKEN_LIFE)}
        return Answer(200, body)


class Orders(Call):
    async def post(self) -> None:
        here = f"{self.request.protocol}://{self.request.host}"

        def create(given: Any, _: str | None) -> tuple[Answer, str]:
            answer = orders.create(self.state.ledger, params.check(params.CreateOrder, given), here)
            return answer, (answer.body or {})["id"]

        await self.write_once(KEEP_ORDERS, create)


class Order(Call):
    async def get(self, identifier: str) -> None:
        def show() -> Answer:
            with self.state.ledger.transaction():
                return Answer(200, orders.shown(orders.require(self.state.ledger, identifier)))

        await self.do(show)

    async def patch(self, identifier: str) -> None:
        def change() -> Answer:
            patches = params.check(params.Patches, {"patches": params.decode(self.request.body)})
            with self.state.ledger.transaction():
                return orders.patch(self.state.ledger, identifier, patches)

        await self.do(change)


class Authorise(Call):
    async def post(self, identifier: str) -> None:
        await self.write_once(
            KEEP_ORDERS,
            lambda _, request_id: (orders.authorise(self.state.ledger, identifier, request_id), identifier),
        )


class Part(Call):
    """An authorisation, a capture or a refund."""

    async def get(self, kind: str, identifier: str) -> None:
        def show() -> Answer:
            with self.state.ledger.transaction():
                return Answer(200, orders.shown(payments.find(self.state.ledger, kind, identifier)[0]))

        await self.do(show)


class Capture(Call):
    async def post(self, identifier: str) -> None:
        def capture(given: Any, request_id: str | None) -> tuple[Answer, str]:
            return payments.capture(self.state.ledger, identifier, params.check(params.Capture, given), request_id)

        await self.write_once(KEEP_PAYMENTS, capture)


class Void(Call):
    async def post(self, identifier: str) -> None:
        await self.write_once(
            KEEP_PAYMENTS, lambda _, request_id: payments.void(self.state.ledger, identifier, request_id)
        )


class Refund(Call):
    async def post(self, identifier: str) -> None:
        def refund(given: Any, request_id: str | None) -> tuple[Answer, str]:
            return payments.refund(self.state.ledger, identifier, params.check(params.Refund, given), request_id)

        await self.write_once(KEEP_PAYMENTS, refund)


class Disputes(Call):
    async def get(self) -> None:
        await self.do(
            lambda: Answer(200, disputes.listed(self.state.ledger, self.get_query_argument("disputed_transaction_id")))
        )


class Verify(Call):
    async def post(self) -> None:
        def verify() -> Answer:
            asked = params.check(params.Verification, params.decode(self.request.body))
            ours = webhooks.is_ours(self.state.ledger, asked, self.state.webhook_id)
            return Answer(200, {"verification_status": "SUCCESS" if ours else "FAILURE"})

        await self.do(verify)


class Unknown(Call):
    def prepare(self) -> None:
        self.reply(answers.missing(self.request.path).answer)


def application(ledger: Ledger, client: tuple[str, str], webhook_id: str) -> Application:
    """The routes over the ledger. `client`: id and secret of the one caller; `webhook_id`: that of the one webhook."""
    shared = {"state": State(ledger, client, webhook_id)}
    routes: list[tuple[str, type[RequestHandler]]] = [
        (r"/v1/oauth2/token", Token),
        (r"/v2/checkout/orders", Orders),
        (r"/v2/checkout/orders/([^/]+)", Order),
        (r"/v2/checkout/orders/([^/]+)/authorize", Authorise),
        (r"/v2/payments/(authorization|capture|refund)s/([^/]+)", Part),
        (r"/v2/payments/authorizations/([^/]+)/capture", Capture),
        (r"/v2/payments/authorizations/([^/]+)/void", Void),
        (r"/v2/payments/captures/([^/]+)/refund", Refund),
        (r"/v1/customer/disputes", Disputes),
        (r"/v1/notifications/verify-webhook-signature", Verify),
        (r"/sandbox/ledger", operating.Book),
        (r"/sandbox/orders/([^/]+)/age", operating.Age),
        (r"/sandbox/orders/([^/]+)/dispute", operating.Dispute),
        (r"/sandbox/refunds/([^/]+)/end", operating.RefundEnd),
        (r"/sandbox/tokens", operating.Tokens),
        (r"/healthz", operating.Health),
    ]
    return GuardedApplication(
        [
            *((path, handler, shared) for path, handler in routes),
            (r"/sandbox/faults", FaultsHandler, {"faults": shared["state"].faults}),
            (r"/checkoutnow", ApprovePage, {"ledger": ledger}),
            (r"/", OrderList, {"ledger": ledger}),
        ],
        default_handler_class=Unknown,
        default_handler_args=shared,
    )
