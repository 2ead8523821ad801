"""The OpenAPI document with the configuration of schemathesis."""

import os
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import schemathesis

from api.app import create_app
from api.docs.openapi import operations
from models.reports import KINDS
from tests.strict_document import strict

CASES = int(os.environ.get("CASES", "3"))
"""Random requests per operation and caller, in addition to those for every bound and type."""

ACCEPTED = ["2xx", "3xx", "401", "402", "403", "404", "409", "412", "429"]
"""Statuses allowed for a valid request: a precondition may fail, and a card be declined."""
BEYOND_SCHEMAS = {
    "PATCH /v1/notification-templates/{kind}/{channel}/{language}": "a template must compile",
    "POST /v1/notification-templates/{kind}/{channel}/{language}/preview": "a template must compile",
    "PATCH /v1/me/preferences": "some mails always go out, and not every kind by every channel",
    "PUT /v1/me/phone": "the number must be one",
    "POST /v1/me/phone/verify": "the code must have been sent",
    "POST /v1/me/passkeys": "the credential must be made for the shop",
    "POST /v1/me/devices": "the URL must be public, and the key a point of P-256",
    "POST /v1/auth/register": "a password must not be common",
    "POST /v1/auth/password": "a password must not be common",
    "POST /v1/auth/email/confirm": "the token must have been mailed",
    "POST /v1/auth/email/confirm/button": "the token must have been mailed",
    "POST /v1/auth/email/restore": "the token must have been mailed",
    "POST /v1/auth/password/reset": "the token must have been mailed",
    "GET /v1/products": "relevance is to something that is searched for",
    "PATCH /v1/categories/{category_id}": "a parent must exist",
    "POST /v1/catalogue/imports": "the file must be a catalogue",
    "POST /v1/checkout": "a method is given with the provider stripe, and only with it",
    "POST /v1/categories": "a parent must exist",
    "POST /v1/kinds": "names of attributes differ, and a minimum is below the maximum",
    "PATCH /v1/kinds/{name}": "names of attributes differ, and a minimum is below the maximum",
    "POST /v1/product-groups": "names and values of options differ",
    "PATCH /v1/product-groups/{group_id}": "names and values of options differ",
    "PUT /v1/product-groups/{group_id}/products/{product_id}": "a value of each option of the group",
    "POST /v1/warehouses": "kinds of products must exist",
    "PATCH /v1/warehouses/{warehouse_id}": "kinds of products must exist",
    "POST /v1/products": "which attributes there are depends on the kind of product",
    "POST /v1/products/books": "which attributes a book has",
    "PATCH /v1/products/{product_id}": "which attributes there are depends on the kind of product",
    "POST /v1/orders/{order_id}/cancel": "each product may appear only once",
    "POST /v1/reconciliations": "a date is between 2000 and today",
    "POST /v1/restocks": "each product may appear only once",
    "POST /v1/purchase-orders/{purchase_order_id}/receive": "each product may appear only once",
    "PUT /v1/products/{product_id}/backorder": "a date is promised, not in the past, unless the limit is 0",
    "POST /v1/transfers": "each product may appear only once, and the warehouses differ",
    "POST /v1/transfers/{transfer_id}/receive": "each product may appear only once",
    "POST /v1/reservations": "each product may appear only once",
    "POST /v1/stock-counts": "each product may appear only once, and one scope",
    "POST /v1/stock-counts/{stock_count_id}/lines": "each product may appear only once",
    "POST /v1/orders/{order_id}/allocation": "each product may appear only once",
    **{f"POST /v1/reports/{kind}": "a period ends after it begins, within three years" for kind in KINDS},
    "POST /v1/reports/inventory": "a time is between 2000 and 2100",
    "POST /v1/webhooks/endpoints": "an endpoint is outside of private networks",
    "PATCH /v1/webhooks/endpoints/{endpoint_id}": "an endpoint is outside of private networks",
    "POST /v1/webhooks/endpoints/{endpoint_id}/redeliver": "a period ends after it begins",
}
"""Operations with rules beyond JSON Schema; violations are refused with 422."""
STAYS = {
    "GET /v1/api-keys/{key_id}": "a key that was deleted is revoked, and shown with the time",
    "GET /v1/me/devices": "the list is there without devices",
    "GET /v1/me/sessions": "the session of the request is not ended",
    "GET /v1/notification-templates/{kind}/{channel}/{language}": "a text that was deleted is the built-in one again",
    "GET /v1/products/{product_id}/backorder": "terms that were deleted are those of a product without any",
    "GET /v1/products/{product_id}/stock": "the goods of a product that was deleted are still in the warehouse",
}
"""Operations that return what was deleted."""
NAMES_OTHERS = {
    "POST /v1/stock-counts/{stock_count_id}/lines": "404 is also a product of the body that does not exist",
}
"""Operations whose 404 says nothing about what the path names."""
DOCUMENT = strict(create_app().extensions["openapi"]())
LISTS = [
    f"{method.upper()} {path}"
    for path, method, operation in operations(DOCUMENT)
    if any(parameter["name"] == "cursor" for parameter in operation["parameters"])
]
"""Cursors are signed; a random one is refused with 422."""


def schema(mode: str = "all", with_credentials: bool = True, **phases: bool) -> Any:
    """The document with the configuration of schemathesis."""
    beyond = [*ACCEPTED, "422"]
    chosen = {
        "request-timeout": 20,
        "generation": {
            "mode": mode, "max-examples": CASES, "deterministic": "CASES" not in os.environ, "allow-x00": False,
            "with-security-parameters": with_credentials,
        },
        "phases": {
            "stateful": {"inference": {"algorithms": []}},  # the links are in the document
            **{name: {"enabled": wanted} for name, wanted in phases.items()},
        },
        "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
        "operations": [
            {"include-name": name, "checks": {"positive_data_acceptance": {"expected-statuses": beyond}}}
            for name in (*BEYOND_SCHEMAS, *LISTS)
        ] + [
            # Only the gateways and the carrier can sign.
            {"include-name": f"POST /v1/webhooks/{sender}",
             "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "400"]}}}
            for sender in ("payments", "paypal", "carrier")
        ] + [
            {"include-name": "POST /v1/products/{product_id}/pictures",
             "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "415", "422"]}}},
        ] + [
            {"include-name": name, "checks": {"use_after_free": {"enabled": False}}} for name in STAYS
        ] + [
            {"include-name": name, "checks": {"ensure_resource_availability": {"enabled": False}}}
            for name in NAMES_OTHERS
        ] + [
            {"include-name": "GET /v1/tasks/{run_id}/events", "phases": {"stateful": {"enabled": False}}},  # as below
        ] + [
            # It lasts for minutes, and each process has few streams.
            {"include-name": "GET /v1/events/stream", "request-timeout": 1,
             "checks": {name: {"expected-statuses": ["2xx", "4xx", "503"]}
                        for name in ("not_a_server_error", "positive_data_acceptance")}},
        ] + [
            # No worker runs.
            {"include-name": "GET /readyz",
             "checks": {name: {"expected-statuses": ["2xx", "4xx", "503"]}
                        for name in ("not_a_server_error", "positive_data_acceptance")}},
        ],
    }  # fmt: skip
    return schemathesis.openapi.from_dict(DOCUMENT, config=schemathesis.Config.from_dict(chosen))


Case = schemathesis.Case[Any]


def prepare(case: Case) -> None:
    """Lets the request not wait, as no worker runs, and gives it its own idempotency key if it has a valid one."""
    given: Mapping[str, str] = case.headers or {}
    if "Prefer" in given:
        case.headers["Prefer"] = "wait=0"
    if "wait" in (case.query or {}):
        case.query["wait"] = 0
    if 0 < len(given.get("Idempotency-Key") or "") <= 255:
        case.headers["Idempotency-Key"] = uuid4().hex  # unique per case
