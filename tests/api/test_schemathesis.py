"""Random requests to the served API, valid and invalid by its OpenAPI document.

No response is a 500 or missing in the document; requests that violate a schema are refused, and valid ones
are not.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.schemas import BaseSchema

from api.app import create_app
from api.docs.openapi import operations
from models.reports import KINDS
from tests.conftest import Caller
from tests.servers import Server
from tests.serving import serving
from tests.shopping import make_product
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
    "POST /v1/restocks": "each product may appear only once",
    "POST /v1/purchase-orders/{purchase_order_id}/receive": "each product may appear only once",
    "PUT /v1/products/{product_id}/backorder": "a date is promised, not in the past, unless the limit is 0",
    "POST /v1/transfers": "each product may appear only once, and the warehouses differ",
    "POST /v1/transfers/{transfer_id}/receive": "each product may appear only once",
    "POST /v1/stock-counts": "each product may appear only once, and one scope",
    "POST /v1/stock-counts/{stock_count_id}/lines": "each product may appear only once",
    "POST /v1/orders/{order_id}/allocation": "each product may appear only once",
    **{
        f"POST /v1/reports/{kind}": "a period ends after it begins, within three years"
        for kind in ("inventory", *KINDS)
    },
    "POST /v1/webhooks/endpoints": "an endpoint is outside of private networks",
    "PATCH /v1/webhooks/endpoints/{endpoint_id}": "an endpoint is outside of private networks",
    "POST /v1/webhooks/endpoints/{endpoint_id}/redeliver": "a period ends after it begins",
}
"""Operations with rules beyond JSON Schema; violations are refused with 422."""
DOCUMENT = strict(create_app().extensions["openapi"]())
LISTS = [
    f"{method.upper()} {path}"
    for path, method, operation in operations(DOCUMENT)
    if any(parameter["name"] == "cursor" for parameter in operation["parameters"])
]
"""Cursors are signed; a random one is refused with 422."""


def schema(**phases: bool) -> Any:
    """The document with the configuration of schemathesis."""
    beyond = [*ACCEPTED, "422"]
    chosen = {
        "request-timeout": 20,
        "generation": {"max-examples": CASES, "deterministic": "CASES" not in os.environ, "allow-x00": False},
        "phases": {name: {"enabled": wanted} for name, wanted in phases.items()},
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
Test = TypeVar("Test", bound=Callable[..., None])
EVERYTHING, A_LITTLE = schema(), schema(coverage=False)
LIMITS = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # all cases share one shop


@pytest.fixture(scope="module")
def url(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API, and a gateway for the audit."""
    var = tmp_path_factory.mktemp("api")
    gateway = Server("sandbox.gateway", var, "--webhook-url=http://127.0.0.1:9/")
    try:
        with serving(var, SHOP_GATEWAY_PORT=str(gateway.ports["http"])) as url:
            yield url
    finally:
        gateway.stop()


@pytest.fixture
def admin(sign_in: Callable[..., Caller]) -> Caller:
    make_product("THING", 5)
    return sign_in("admin", "admin")


def cases(of: BaseSchema) -> Callable[[Test], Test]:
    """Decorates a test to run with random requests to each operation."""

    def decorate(test: Test) -> Test:
        made: Test = of.parametrize()(LIMITS(test))
        return made

    return decorate


def ask(case: Case, url: str, headers: dict[str, str]) -> None:
    given: Mapping[str, str] = case.headers or {}
    if "Prefer" in given:
        case.headers["Prefer"] = "wait=0"  # no worker runs
    if 0 < len(given.get("Idempotency-Key") or "") <= 255:
        case.headers["Idempotency-Key"] = uuid4().hex  # unique per case
    case.call_and_validate(base_url=url, headers=headers)


@cases(EVERYTHING)
def test_responses_to_an_administrator_match_the_document(case: Case, url: str, admin: Caller) -> None:
    ask(case, url, admin.headers)


@cases(A_LITTLE)
def test_responses_to_a_customer_match_the_document(case: Case, url: str, customer: Caller) -> None:
    ask(case, url, customer.headers)


@cases(A_LITTLE)
def test_responses_to_an_anonymous_client_match_the_document(case: Case, url: str, database: None) -> None:
    ask(case, url, {})
