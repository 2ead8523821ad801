"""Compares every response in a test with the OpenAPI document."""

import gzip
import json
import re
from functools import cache
from typing import Any

import jsonschema_rs
from flask.testing import FlaskClient

from tests.strict_document import strict


def resolving(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The schema with its references resolved."""
    return {**schema, "components": document["components"]}


class CheckingClient(FlaskClient):
    """A test client that fails on a response that the document does not describe."""

    def open(self, *args: Any, **options: Any) -> Any:
        response = super().open(*args, **options)
        if not options.get("follow_redirects"):
            self._check(response)
        return response

    def _check(self, response: Any) -> None:
        request = response.request
        adapter = self.application.url_map.bind("localhost")
        if not adapter.test(request.path, request.method):
            return
        rule, _ = adapter.match(request.path, request.method, return_rule=True)
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        name = f"{request.method} {path} {response.status_code}"
        operation = _document(self.application)["paths"].get(path, {}).get(request.method.lower())
        if operation is None:
            return  # a view defined in a test
        described = operation["responses"].get(str(response.status_code))
        assert described, f"{name} is not described: {response.text[:500]}"
        if response.mimetype not in ("application/json", "application/problem+json"):
            assert response.status_code in (204, 304) or response.mimetype in described["content"], name
            return
        assert response.mimetype in described.get("content", {}), f"{name}: {response.mimetype}"
        schema = json.dumps(described["content"][response.mimetype]["schema"])
        body = gzip.decompress(response.data) if response.content_encoding == "gzip" else response.data
        faults = [
            f"{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in _validator(self.application, schema).iter_errors(json.loads(body))
        ]
        assert not faults, f"{name}: {faults}"


@cache
def _document(app: Any) -> dict[str, Any]:
    return strict(app.extensions["openapi"]())


@cache
def _validator(app: Any, schema: str) -> Any:
    return jsonschema_rs.validator_for(resolving(json.loads(schema), _document(app)))
