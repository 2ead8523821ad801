"""Who may call what: every route of the application with every role, every API key, and every stranger's objects.

The rules are those that the views declare (`rule`). Streams, files and pages are routes like the others.
"""

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from flask.testing import FlaskClient

import durable
from models.access import GRANTABLE, PERMISSIONS, SEEDS
from models.core.database import transaction
from tests.api.test_app import endpoints, ruled
from tests.owning import own_everything
from tests.runs import some_input

ROLES = sorted(SEEDS)
REFUSED = (401, 403)
OF_PEOPLE = {"/v1/reports/subscriptions"}
"""Require a permission, and a user: a key has no mailbox."""


@pytest.fixture
def permitted(app: Any) -> list[tuple[str, str, str]]:
    """Method, example path and permission of every endpoint that requires one. No object in the paths exists."""
    return [(method, path, rule) for method, path, rule in ruled(app) if ":" in rule]


def status(answer: Any) -> int:
    answer.close()
    return int(answer.status_code)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_call_exactly_what_its_permissions_allow(
    role: str, sign_in: Callable[..., Any], permitted: list[tuple[str, str, str]]
) -> None:
    caller = sign_in("somebody", *([] if role == "customer" else [role]))
    found = {f"{method} {path}": status(caller.open(method, path)) for method, path, _ in permitted}
    allowed = {f"{method} {path}" for method, path, rule in permitted if rule in SEEDS[role]}
    assert {endpoint for endpoint, code in found.items() if code not in REFUSED} == allowed
    assert {code for endpoint, code in found.items() if endpoint not in allowed} <= {403}
    assert [endpoint for endpoint, code in found.items() if code >= 500 and code != 503] == []


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_key_may_call_exactly_what_its_permission_allows(
    permission: str, client: Any, sign_in: Callable[..., Any], permitted: list[tuple[str, str, str]]
) -> None:
    made = sign_in("root", "admin").post("/v1/api-keys", json={"name": "x", "permissions": [permission]})
    if permission not in GRANTABLE:
        assert made.status_code == 422
        return
    key = {"X-Api-Key": made.json["key"]}
    asked = [(method, path, rule) for method, path, rule in permitted if path not in OF_PEOPLE]
    found = {(method, path): status(client.open(path, method=method, headers=key)) for method, path, _ in asked}
    allowed = {(method, path) for method, path, rule in asked if rule == permission}
    assert {endpoint for endpoint, code in found.items() if code not in REFUSED} == allowed


def owned(app: Any, ids: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Method and path of every endpoint whose path names something that belongs to a user."""
    for method, address, view in endpoints(app):
        prefixes = re.findall(r"<id\(\"(\w+)\"\):\w+>", address)
        if view.rule in ("signed in", "identified") and prefixes and prefixes != ["prd"]:
            yield method, re.sub(r"<id\(\"(\w+)\"\):\w+>", lambda part: ids[part[1]], address)


def test_nobody_reaches_what_belongs_to_others(app: Any, customer: Any, sign_in: Callable[..., Any]) -> None:
    client = FlaskClient(app, app.response_class)  # the rows have values that the schemas do not know
    ids = own_everything(customer.user_id)
    with transaction() as session:
        ids["run"] = durable.start(session, "checkout", ids["ord"], some_input("checkout"), owner=customer.user_id)
        session.info.clear()  # not to be published
    other = sign_in("other")
    made = sign_in("root", "admin").post("/v1/api-keys", json={"name": "x", "permissions": []})
    key = {"X-Api-Key": made.json["key"]}
    reached = list(owned(app, {**ids, "ses": customer.session_id}))
    assert len(reached) > 20
    strangers = product(reached, ({**other.headers}, key))
    opened = {
        (method, path): status(client.open(path, method=method, headers=headers, json={} if method != "GET" else None))
        for (method, path), headers in strangers
    }
    assert {endpoint: code for endpoint, code in opened.items() if code not in (403, 404, 422)} == {}
    own = {path: client.get(path, headers=customer.headers) for method, path in reached if method == "GET"}
    missing = [path for path, answer in own.items() if status(answer) == 404]
    # The owner gets what the stranger did not, so the objects do exist; the return has no label.
    assert [path.rpartition("/")[2] for path in missing] == ["label"]
