"""The application as a whole: access rules, documentation and health of every endpoint."""

import re
from typing import Any

import pytest

from durable.tables import BreakerRecord
from models.core.database import transaction
from monitoring import health

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def endpoints(app: Any) -> list[tuple[str, str, Any]]:
    """Method, path and function of every endpoint."""
    found = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) & METHODS):
            view_class = getattr(view, "view_class", None)
            found.append((method, rule.rule, getattr(view_class, method.lower()) if view_class else view))
    return found


def test_every_endpoint_declares_its_access_rule(app: Any) -> None:
    from models.access import PERMISSIONS

    found = endpoints(app)
    assert len(found) > 20
    rules = {f"{method} {address}": getattr(view, "rule", None) for method, address, view in found}
    known = {"public", "signed in", "signed in or guest", "identified", *PERMISSIONS}
    assert {endpoint: rule for endpoint, rule in rules.items() if rule not in known} == {}


PUBLIC = {
    "GET /", "GET /docs", "GET /docs/<role:tag>", "GET /docs/<role:tag>/openapi.json", "GET /docs/assets/<name>",
    "GET /docs/errors", "GET /healthz", "GET /openapi.json", "GET /readyz",
    "GET /v1/authors", 'GET /v1/authors/<id("aut"):author_id>', "GET /v1/categories",
    'GET /v1/categories/<id("cat"):category_id>', "GET /v1/products",
    'GET /v1/products/<id("prd"):product_id>', "GET /v1/product-groups", "GET /v1/kinds",
    "GET /v1/kinds/<kind:name>",
    'GET /v1/products/<id("prd"):product_id>/pictures',
    'GET /v1/pictures/<id("pic"):picture_id>/<int:width>.<any(avif,webp,jpg):ending>',
    'GET /v1/product-groups/<id("grp"):group_id>', "POST /v1/auth/introspect", "POST /v1/auth/login",
    "POST /v1/auth/password/forgot", "POST /v1/auth/password/reset", "POST /v1/auth/refresh", "POST /v1/auth/register",
    "POST /v1/auth/email/restore", "GET /v1/auth/email/confirm", "POST /v1/auth/email/confirm",
    "POST /v1/auth/email/confirm/button",
    "POST /v1/auth/second-factor", "POST /v1/auth/passkeys", "POST /v1/auth/passkeys/options",
    "GET /v1/auth/oidc", "POST /v1/auth/oidc/<role:provider>/start", "POST /v1/auth/oidc/<role:provider>/finish",
    
    "POST /v1/authz/check", "POST /v1/cart", "GET /v1/push-key", "GET /asyncapi.json", "GET /v1/payments/return",
    "GET /v1/unsubscribe", "POST /v1/unsubscribe", "POST /v1/webhooks/payments",
    "POST /v1/webhooks/carrier", "POST /v1/webhooks/paypal",
}  # fmt: skip
"""The public endpoints. An addition to this list must be deliberate."""


def ruled(app: Any) -> list[tuple[str, str, str]]:
    """Method, an example path and the access rule of every endpoint that is not public."""
    found = []
    for method, address, view in endpoints(app):
        path = re.sub(r"<id\(\"(\w+)\"\):\w+>", lambda part: f"{part[1]}_{'0' * 32}", address)
        path = re.sub(r"<role:\w+>", "staff", path)
        path = re.sub(r"<kind:\w+>", "book", path)
        path = re.sub(r"<any\(\"([\w-]+)\".*\):\w+>", r"\1", path)
        if view.rule != "public":
            found.append((method, path, view.rule))
    return found


def test_public_endpoints_are_exactly_the_listed_ones(app: Any) -> None:
    found = endpoints(app)
    assert {f"{method} {address}" for method, address, view in found if view.rule == "public"} == PUBLIC


def test_access_rules_apply_before_anything_else(app: Any, client: Any, customer: Any, sign_in: Any) -> None:
    """Without a token, with a key without permissions, and without the permission; for any path and body."""
    admin = sign_in("admin", "admin")
    key = {"X-Api-Key": admin.post("/v1/api-keys", json={"name": "x", "permissions": []}).json["key"]}
    for method, path, rule in ruled(app):
        assert client.open(path, method=method).status_code == 401, (method, path)
        if rule != "identified":
            assert client.open(path, method=method, headers=key).status_code == 403, (method, path)
        if ":" in rule:
            refused = customer.open(method, path)
            assert (refused.status_code, refused.json["permission"]) == (403, rule), (method, path)


def test_the_document_names_the_security_of_each_operation(client: Any) -> None:
    paths = client.get("/openapi.json").json["paths"]
    assert paths["/v1/me"]["get"]["security"] == [{"bearer": []}]
    assert paths["/v1/auth/login"]["post"]["security"] == []
    address = next(p for p in paths["/v1/me/addresses/{address_id}"]["parameters"] if p["in"] == "path")
    assert address["schema"]["pattern"] == "^adr_[0-9a-f]{32}$"


def test_healthz_answers_ok(client: Any) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_readyz_names_the_failed_checks(client: Any) -> None:
    answer = client.get("/readyz")  # no worker runs in these tests
    assert answer.status_code == 503
    checks = answer.json["checks"]
    assert checks["database"] == checks["broker"] == "ok"
    assert checks["workers"] != "ok"


def test_readyz_reports_a_silent_service_as_degraded(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ready", lambda: {"database": None, "broker": None, "workers": None})
    with transaction() as session:
        session.add(BreakerRecord(queue="notifications", state="open", error="The mail server does not answer"))
        session.add(BreakerRecord(queue="payments", state="closed"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    silent = {name: found for name, found in answer.json["checks"].items() if found != "ok"}
    assert silent == {"notifications": "does not respond: The mail server does not answer"}


@pytest.mark.parametrize("path", ["/v1/healthz", "/v1//me", "/v1/me/", "/static/x"])
def test_unknown_paths_are_not_found(client: Any, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype, answer.json["code"]) == (404, "application/problem+json", "not_found")
