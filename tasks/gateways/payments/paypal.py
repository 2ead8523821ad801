"""PayPal as a payment provider: orders that the customer approves on PayPal's pages, by PayPal's REST API.

A payment's reference is the id of its order at PayPal. PayPal has no list of orders, so nothing can be found there of
which the shop does not know the reference.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from models.core.errors import BadRequest, BadSignature, Conflict, GatewayDown, PaymentDeclined
from settings import Settings
from tasks.gateways.payments import paypal_orders as orders
from tasks.gateways.payments.paypal_client import USED_BEFORE, Client, PayPalError, Refused, request_id
from tasks.gateways.payments.paypal_refunds import list_disputes, read_refund
from tasks.gateways.payments.paypal_webhooks import read_event, verification
from tasks.gateways.payments.provider import (
    Authorisation,
    AuthorisationRequest,
    Capture,
    Dispute,
    NextAction,
    ProviderPayment,
    Refund,
    RefundReason,
    WebhookEvent,
)

ORDERS = "/v2/checkout/orders"
AUTHORISATIONS = "/v2/payments/authorizations"
CHANGED_MEANWHILE = ("ORDER_ALREADY_AUTHORIZED", "ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED")


class PayPal:
    """PayPal, as `settings` name its address, credentials and webhook."""

    can_list = False
    holds_for = timedelta(days=29)  # PayPal guarantees the first three days (the honour period)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Client:
        return Client(self._settings)

    def authorise(self, request: AuthorisationRequest, idempotency_key: str) -> Authorisation:
        """See PaymentProvider.

        The first call creates an order, which waits for its customer (requires_action). The first call after the
        customer has approved it authorises it. PayPal repeats the order under its key for six hours; an approval ends
        after three, so a key that PayPal has deleted stands for nothing that could still be authorised. And it
        authorises each invoice id, which is the payment's, once.

        Raises PaymentDeclined without a `return_url`: PayPal always asks the customer.
        """
        if request.return_url is None:
            raise PaymentDeclined("payer_action_required", "PayPal asks the customer, who is not there.")
        try:
            order, is_new = self._create(request, idempotency_key)
            if not is_new:  # what is repeated may be the first answer, whatever has become of the order since
                order = self._order(order["id"])
        except orders.NotAnAmount as error:
            raise PaymentDeclined("decimals_not_supported", str(error)) from error
        except Refused as refused:
            code = "order_expired" if refused.status == 404 else refused.issue.lower()
            raise PaymentDeclined(code, refused.description) from refused
        return self._settle(order, idempotency_key)

    def next_action(self, reference: str) -> NextAction | None:
        """See PaymentProvider. None for an order that was given up, too."""
        order = self._known_order(reference)
        if orders.payment(order).state != "requires_action":
            return None
        url = orders.approve_url(order)
        return NextAction(url, None) if url else None

    def capture(self, *, reference: str, amount: int, idempotency_key: str) -> Capture:
        """See PaymentProvider. An amount that PayPal still reviews counts as captured."""
        order = self._known_order(reference)
        held = orders.authorisation(order)
        if captured := orders.payment(order).captured:
            return _captured(reference, captured, amount)
        if held is None:
            raise Conflict("The payment is not authorised.")
        body = {"amount": _money(amount, order), "final_capture": True}
        try:
            made, _ = self._client.post(
                f"{AUTHORISATIONS}/{held['id']}/capture", body, request_id(idempotency_key, "capture")
            )
        except Refused as refused:
            # Another call may have been quicker.
            if captured := orders.payment(self._known_order(reference)).captured:
                return _captured(reference, captured, amount)
            raise Conflict(refused.description) from refused
        if made["status"] not in orders.TAKEN:
            raise Conflict("PayPal has declined to capture the payment.")
        return _captured(reference, orders.from_money(made["amount"]), amount)

    def void(self, *, reference: str) -> None:
        """See PaymentProvider.

        PayPal can't cancel an order that waits for its customer. It is marked as given up, and `authorise` does not
        authorise it any more; one that was authorised in the same moment is released by the call that did it.
        An order that PayPal does not know any more has expired and holds nothing.
        """
        for _ in range(2):
            try:
                order = self._order(reference)
                match orders.payment(order).state:
                    case "captured":
                        raise Conflict("The payment was captured; it takes a refund.")
                    case "requires_action":
                        self._client.patch(f"{ORDERS}/{reference}", orders.change_mark(order, orders.CANCELLED))
                    case "authorised" | "processing":
                        self._release(order)
                return
            except Refused as refused:
                if refused.status == 404:
                    return
                # It has changed since it was read: look again.
        raise GatewayDown("The payment is still under way at PayPal.")

    def refund(
        self, *, reference: str, amount: int, idempotency_key: str, reason: RefundReason = "requested_by_customer"
    ) -> Refund:
        """See PaymentProvider. PayPal is not told the reason.

        The key is the refund's invoice id, too, by which it is found after PayPal has deleted the request.
        """
        order = self._known_order(reference)
        mark = request_id(idempotency_key)
        made = next((part for part in orders.parts(order, "refunds") if part.get("invoice_id") == mark), None)
        if made is None:
            taken = next((part for part in orders.parts(order, "captures") if part["status"] in orders.TAKEN), None)
            if taken is None:
                raise Conflict("The payment was not captured.")
            body = {"amount": _money(amount, order), "invoice_id": mark, "custom_id": taken.get("custom_id")}
            try:
                made, _ = self._client.post(
                    f"/v2/payments/captures/{taken['id']}/refund", body, request_id(idempotency_key, "refund")
                )
            except Refused as refused:
                raise Conflict(refused.description) from refused
        return read_refund(made, reference)

    def list_refunds(self, *, reference: str) -> list[Refund]:
        """See PaymentProvider."""
        try:
            order = self._order(reference)
        except Refused:
            return []
        return [read_refund(made, reference) for made in orders.parts(order, "refunds")]

    def list_disputes(self, *, reference: str) -> list[Dispute]:
        """See PaymentProvider. PayPal finds disputes by the capture."""
        try:
            order = self._order(reference)
        except Refused:
            return []
        return [found for taken in orders.parts(order, "captures") for found in list_disputes(self._client, taken)]

    def find(
        self, *, order_id: str, payment_id: str | None, since: datetime, reference: str | None = None
    ) -> list[ProviderPayment]:
        """See PaymentProvider. Nothing is found without the reference."""
        made = self.list_since(since=None, known=[reference] if reference else [])
        return [one for one in made if one.order_id == order_id and one.payment_id in (None, payment_id)]

    def look_up(self, reference: str) -> ProviderPayment | None:
        """See PaymentProvider. None for one that has expired: it has never held anything."""
        try:
            return orders.payment(self._order(reference))
        except Refused:
            return None

    def list_since(
        self, since: datetime | None = None, *, until: datetime | None = None, known: Iterable[str] = ()
    ) -> Iterator[ProviderPayment]:
        """See PaymentProvider: the payments in `known` that PayPal still knows, in that order, one call for each.

        PayPal's transaction search is no substitute: it lags by up to three hours, and has no orders that wait.
        """
        for made in filter(None, map(self.look_up, known)):
            if (since is None or made.created_at >= since) and (until is None or made.created_at < until):
                yield made

    def verify_webhook(self, payload: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """See PaymentProvider. PayPal itself is asked whether the signature is right: raises GatewayDown."""
        asked = verification(payload, headers, self._settings.paypal_webhook_id)
        try:
            answer = self._client.post_raw("/v1/notifications/verify-webhook-signature", asked)
        except Refused as refused:
            raise BadRequest(refused.description) from refused
        if answer.get("verification_status") != "SUCCESS":
            raise BadSignature("PayPal has not signed this event.")
        return read_event(payload)

    def _create(self, request: AuthorisationRequest, key: str) -> tuple[dict[str, Any], bool]:
        try:
            return self._client.post(ORDERS, orders.order_body(request, key), request_id(key))
        except PayPalError as error:
            if request.user_id is None or error.issue != USED_BEFORE:
                raise
        # A release before did not name the user. Under one key PayPal takes the same order only.
        return self._client.post(ORDERS, orders.order_body(replace(request, user_id=None), key), request_id(key))

    def _order(self, reference: str) -> dict[str, Any]:
        return self._client.get(f"{ORDERS}/{reference}")

    def _known_order(self, reference: str) -> dict[str, Any]:
        """Raises Conflict for one that PayPal does not know."""
        try:
            return self._order(reference)
        except Refused as refused:
            raise Conflict(refused.description) from refused

    def _settle(self, order: dict[str, Any], key: str) -> Authorisation:
        """What the order comes to, which is authorised if its customer has approved it."""
        made = orders.payment(order)
        if made.state in ("declined", "cancelled"):
            raise PaymentDeclined(made.decline_code or made.state, "The payment was declined or given up.")
        if made.state == "requires_action" and order["status"] == "APPROVED":
            return self._authorise(order, key)
        if made.state in ("authorised", "processing") and orders.is_given_up(order):
            try:
                self._release(order)
            except Refused as refused:
                raise GatewayDown(f"The order has changed meanwhile: {refused.issue}") from refused
            return Authorisation(made.reference, "voided")
        return Authorisation(made.reference, made.state)

    def _authorise(self, order: dict[str, Any], key: str) -> Authorisation:
        reference = order["id"]
        try:
            done, is_new = self._client.post(f"{ORDERS}/{reference}/authorize", {}, request_id(key, "authorise"))
        except Refused as refused:
            if refused.issue in CHANGED_MEANWHILE:
                changed = self._known_order(reference)
                if orders.payment(changed).state == "requires_action":
                    return Authorisation(reference, "requires_action")
                return self._settle(changed, key)
            self._mark_declined(order, refused)
            raise PaymentDeclined(refused.issue.lower(), refused.description) from refused
        return self._settle(done if is_new else self._known_order(reference), key)

    def _mark_declined(self, order: dict[str, Any], refused: Refused) -> None:
        """Makes the decline final: PayPal would let the customer try again with another card."""
        try:
            mark = orders.DECLINED + refused.issue.lower()
            self._client.patch(f"{ORDERS}/{order['id']}", orders.change_mark(order, mark))
        except Refused as gone:
            if gone.status != 404:
                raise GatewayDown(f"The order has changed meanwhile: {gone.issue}") from gone

    def _release(self, order: dict[str, Any]) -> None:
        """Voids the order's authorisation. Raises Refused if that can't be voided any more."""
        held = orders.authorisation(order)
        assert held is not None
        try:
            self._client.post(f"{AUTHORISATIONS}/{held['id']}/void", {}, request_id("void", held["id"]))
        except Refused as refused:
            if refused.issue != "PREVIOUSLY_VOIDED":
                raise


def _captured(reference: str, captured: int, asked: int) -> Capture:
    if captured != asked:
        raise Conflict("The payment was captured with another amount.")
    return Capture(reference, captured)


def _money(amount: int, order: dict[str, Any]) -> dict[str, str]:
    """An amount in the order's currency. Raises Conflict if PayPal can't express it."""
    try:
        return orders.to_money(amount, orders.payment(order).currency)
    except orders.NotAnAmount as error:
        raise Conflict(str(error)) from error
