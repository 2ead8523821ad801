"""What a client sends decides neither how much it gets back, nor how long it is judged."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, validate

from api.app import create_app
from api.docs.examples import Examples
from api.docs.openapi import operations
from api.http import bounds
from api.http.fields import List
from api.http.request_hooks import MAX_NESTING
from serving.bounds import MAX_PATH, MAX_TEXT
from tests.api.hostile import SHAPES, VALUES, nested, spoiled

DOCUMENT = json.loads(create_app().extensions["openapi"]())
EXAMPLES = Examples(DOCUMENT["components"]["schemas"])
SIZE = 120_000  # bytes
CASES = int(os.environ.get("FUZZ_EXAMPLES", "200")) // 10
"""Per test; the bodies are large."""


def example_of(operation: dict[str, Any]) -> Any:
    """A body with all fields."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return EXAMPLES.of(content["schema"], whole=True) if content else {}


def url_of(path: str) -> str:
    """The path with an example of each of its parameters."""
    for parameter in DOCUMENT["paths"][path].get("parameters", ()):
        example = EXAMPLES.of(parameter["schema"], whole=True, name=parameter["name"])
        path = path.replace(f"{{{parameter['name']}}}", str(example))
    return path


def with_bodies() -> list[tuple[str, str, Any]]:
    """Method, URL and an example of the body of each operation that can have one."""
    return [
        (method.upper(), url_of(path), example_of(operation))
        for path, method, operation in operations(DOCUMENT)
        if method in ("post", "put", "patch", "delete")
    ]


ROUTES = with_bodies()


def refused(answer: Any) -> dict[str, Any]:
    """The problem document of a refused request, whose bounds are checked."""
    assert 400 <= answer.status_code < 500, answer.text[:500]
    assert len(answer.data) <= bounds.MAX_ANSWER
    assert sum(len(f"{name}: {value}\r\n") for name, value in answer.headers) < 8190
    assert answer.mimetype == "application/problem+json"
    body: dict[str, Any] = answer.json
    errors = body.get("errors", {})
    assert sum(map(len, errors.values())) <= bounds.MAX_FAULTS
    assert all(len(name) <= MAX_PATH for name in errors)
    return body


def send(caller: FlaskClient, method: str, url: str, body: str) -> Any:
    data = body.encode(errors="surrogateescape")
    return caller.open(url, method=method, data=data, content_type="application/json")


@pytest.fixture
def client(app: Any, database: None) -> FlaskClient:
    """Flask's test client. It does not compare with the document, which is silent about bodies that nobody needs."""
    return FlaskClient(app, app.response_class)


@pytest.fixture(params=[False, True], ids=["anonymous", "administrator"])
def caller(request: pytest.FixtureRequest, client: FlaskClient, sign_in: Callable[..., Any]) -> FlaskClient:
    if request.param:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {sign_in('admin', 'admin').access_token}"
    return client


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hostile_body_gets_a_short_answer(caller: FlaskClient, shape: str) -> None:
    refused(send(caller, "POST", "/v1/auth/register", SHAPES[shape](SIZE)))


@given(st.sampled_from(ROUTES), st.sampled_from(sorted(SHAPES)), st.integers(0, 20_000))
@settings(deadline=None, max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_operation_answers_shortly_to_a_hostile_body(
    caller: FlaskClient, route: tuple[str, str, Any], shape: str, size: int
) -> None:
    method, url, _ = route
    answer = send(caller, method, url, SHAPES[shape](size))
    if answer.status_code >= 300:  # it may have no use for a body
        refused(answer)


@given(st.data())
@settings(deadline=None, max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_operation_answers_shortly_to_a_hostile_value(caller: FlaskClient, data: st.DataObject) -> None:
    method, url, example = data.draw(st.sampled_from(ROUTES))
    value = VALUES[data.draw(st.sampled_from(sorted(VALUES)))](data.draw(st.sampled_from([40, SIZE])))
    body = data.draw(st.sampled_from(list(spoiled(example, value))))
    answer = send(caller, method, url, json.dumps(body))
    if answer.status_code >= 300:
        refused(answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(ROUTES), JSON)
@settings(deadline=None, max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_operation_answers_shortly_to_any_json(caller: FlaskClient, route: tuple[str, str, Any], body: Any) -> None:
    answer = send(caller, route[0], route[1], json.dumps(body))
    if answer.status_code >= 300:
        refused(answer)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (f"/v1/{'x' * 8000}", {}),
        (f"/v1/products?{'x' * 8000}=1", {}),
        (f"/v1/products?q={'x' * 8000}", {}),
        (f"/v1/products?limit={'9' * 8000}", {}),
        (f"/v1/products?cursor={'x' * 8000}", {}),
        (f"/v1/products?{'&'.join(f'f{number}=%00' for number in range(800))}", {}),
        (f"/v1/events?after={'9' * 8000}", {}),
        ("/v1/me", {"Authorization": f"Bearer {'x' * 8000}"}),
        ("/v1/me", {"Authorization": f"Bearer {'.'.join(['x' * 2000] * 3)}"}),
        ("/v1/orders", {"X-Api-Key": "x" * 8000}),
        ("/v1/nothing", {"X-Request-Id": "x" * 8000}),
    ],
)
def test_a_long_url_or_header_gets_a_short_answer(caller: FlaskClient, url: str, headers: dict[str, str]) -> None:
    answer = caller.get(url, headers=headers)
    assert len(refused(answer)["detail"]) <= MAX_TEXT


def test_faults_beyond_the_twentieth_are_left_out(client: Any) -> None:
    body = {f"field{number}": 1 for number in range(30)}
    answer = refused(client.post("/v1/auth/login", json=body))
    assert (len(answer["errors"]), answer["truncated"]) == (20, True)
    assert "truncated" not in refused(client.post("/v1/auth/login", json={"a": 1}))


def test_a_body_can_be_nested_up_to_a_limit(client: Any) -> None:
    for depth, code in ((MAX_NESTING - 1, "invalid_fields"), (MAX_NESTING + 1, "malformed_json")):
        assert refused(client.post("/v1/auth/login", json={"a": nested(depth, 1)}))["code"] == code


@pytest.mark.parametrize(
    "members",
    [
        {"lines": [{"title": "\U0001f4a9" * 10_000}] * 10_000},
        {"products": {f"{number}": "x" * 900 for number in range(9_000)}},
        {"a": nested(900, "x"), "b": [nested(9, "x" * 600)] * 200},
        {"errors": {"x" * 900: ["\x01" * 900] * 90}},
        {"errors": {"lines": {number: {"quantity": ["no"]} for number in range(10_000)}}},
        {f"member{number}": ["\U0001f4a9" * 10_000] * 300 for number in range(50)},
        {"detail": "\x01" * 100_000},
    ],
)
def test_any_problem_document_is_bounded(members: dict[str, Any]) -> None:
    encoded = bounds.bounded({"status": 422, "detail": "No.", **members})
    assert len(encoded) <= bounds.MAX_ANSWER
    assert json.loads(encoded)["truncated"] is True


def test_a_short_problem_document_is_whole() -> None:
    members = {"detail": "No.", "errors": {"a.b": ["no"]}, "lines": [{"left": 3}, {"left": 4}], "of": None}
    assert json.loads(bounds.bounded(members)) == members


def loaded_schemas() -> Iterator[Schema]:
    """The schemas of all request bodies and queries, with those that they contain."""
    for view in create_app().view_functions.values():
        for name in ("get", "post", "put", "patch", "delete"):
            method = getattr(getattr(view, "view_class", None), name, None)
            for parameter in getattr(method, "_apidoc", {}).get("arguments", {}).get("parameters", ()):
                schema = parameter.get("schema")
                if isinstance(schema, type) and issubclass(schema, Schema):
                    yield from with_nested(schema())
                elif isinstance(schema, Schema):
                    yield from with_nested(schema)


def with_nested(schema: Schema) -> Iterator[Schema]:
    yield schema
    for field in schema.load_fields.values():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield from with_nested(inner.schema)


def test_the_length_of_every_list_is_bounded_and_judged_first() -> None:
    lists = [
        (type(schema).__name__, name, field)
        for schema in loaded_schemas()
        for name, field in schema.load_fields.items()
        if isinstance(field, fields.List) or (isinstance(field, fields.Nested) and field.many)
    ]
    assert len(lists) > 20
    for schema, name, field in lists:
        lengths = [one for one in field.validators if isinstance(one, validate.Length)]
        assert isinstance(field, List), f"{schema}.{name}"
        assert any(one.max for one in lengths), f"{schema}.{name}"


def calls(work: Callable[[], object]) -> int:
    """How many Python functions the work calls."""
    count = 0

    def observe(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(observe)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def judged(lines: list[int]) -> int:
    """How many of the lines are judged before the list is refused."""
    seen = []

    def refuse(line: int) -> None:
        seen.append(line)
        raise ValidationError("no")

    class Lines(Schema):
        lines = List(fields.Integer(validate=refuse), validate=validate.Length(1, 500))

    with pytest.raises(ValidationError):
        Lines().load({"lines": lines})
    return len(seen)


def test_a_list_that_is_too_long_is_refused_before_its_items_are_judged() -> None:
    assert judged([1] * 30_000) == judged([1] * 501) == 0


def test_a_list_is_judged_up_to_the_last_fault_that_is_reported() -> None:
    assert judged([1] * 500) == bounds.MAX_FAULTS + 1


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_work_grows_no_faster_than_the_body(client: Any, shape: str) -> None:
    def ask(size: int) -> None:
        refused(client.post("/v1/auth/login", data=SHAPES[shape](size).encode(errors="surrogateescape"),
                            content_type="application/json"))  # fmt: skip

    ask(1000)  # the first request compiles patterns
    assert calls(lambda: ask(80_000)) < 5 * calls(lambda: ask(20_000))
