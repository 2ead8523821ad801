"""Operation ids: unique verbs in snake case, by a rule with explicit exceptions."""

import json
import re
from typing import Any

import pytest

from api.docs.openapi import operations
from api.docs.operation_ids import EXCEPTIONS, by_rule, singular

VERBS = {
    "add", "adjust", "approve", "assign", "cancel", "capture", "change", "check", "close", "confirm", "create",
    "delete", "disable", "empty", "enter", "export", "finish", "get", "import", "introspect", "link", "list", "log",
    "mark", "open", "place", "preview", "reauthenticate", "receive", "redeliver", "refresh", "refund", "register",
    "release", "remove", "replace", "request", "reset", "restock", "restore", "retry", "refuse", "rotate", "run",
    "send", "set", "ship", "sign", "signal", "start", "stream", "submit", "subscribe", "test", "unlink", "unsubscribe",
    "update", "verify", "withdraw",
}  # fmt: skip


@pytest.fixture(scope="module")
def ids(app: Any) -> dict[tuple[str, str], str]:
    document = json.loads(app.extensions["openapi"]())
    return {(method, path): operation["operationId"] for path, method, operation in operations(document)}


def test_ids_are_unique_verbs_in_snake_case(ids: dict[tuple[str, str], str]) -> None:
    assert len(set(ids.values())) == len(ids)
    for name in ids.values():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name
        assert name.partition("_")[0] in VERBS, name


def test_every_exception_is_needed(app: Any) -> None:
    found = {(m, p): o for p, m, o in operations(json.loads(app.extensions["openapi"]()))}
    needless = [key for key, name in EXCEPTIONS.items() if key not in found or by_rule(*key, found[key]) == name]
    assert needless == []


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("get", "/v1/products", "list_products"),
        ("get", "/v1/products/{product_id}", "get_product"),
        ("patch", "/v1/products/{product_id}", "update_product"),
        ("post", "/v1/warehouses", "create_warehouse"),
        ("post", "/v1/me/addresses", "create_my_address"),
        ("delete", "/v1/me/sessions", "delete_my_sessions"),
        ("put", "/v1/roles/{name}", "replace_role"),
        ("post", "/v1/orders/{order_id}/cancel", "cancel_order"),
        ("get", "/v1/orders/{order_id}/invoice.pdf", "get_order_invoice_pdf"),
        ("get", "/v1/reports/{report_id}.csv", "get_report_csv"),
        ("post", "/v1/checkout", "place_order"),
        ("post", "/v1/auth/login", "log_in"),
    ],
)
def test_ids_say_what_is_done(ids: dict[tuple[str, str], str], method: str, path: str, name: str) -> None:
    assert ids[method, path] == name


@pytest.mark.parametrize(
    ("plural", "one"),
    [("categories", "category"), ("addresses", "address"), ("warehouses", "warehouse"), ("stock", "stock")],
)
def test_nouns_have_a_singular(plural: str, one: str) -> None:
    assert singular(plural) == singular(one) == one
