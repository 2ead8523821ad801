"""What the fuzz tests share."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from api.http.bounds import MAX_ANSWER
from tests.conftest import Caller
from tests.shopping import make_product

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
"""Per test. Without a number, they are the same in each run."""
fuzzed = settings(
    deadline=None, max_examples=EXAMPLES, derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture
def visitor(app: Any, database: None) -> FlaskClient:
    """Flask's test client. It does not compare with the document, which has no such requests."""
    return FlaskClient(app, app.response_class)


@pytest.fixture
def admin(sign_in: Callable[..., Caller]) -> dict[str, str]:
    return sign_in("admin", "admin").headers


@pytest.fixture
def thing(database: None) -> str:
    return make_product("THING", 5)


def check(answer: Any) -> None:
    """A refusal is a bounded problem document."""
    assert answer.status_code < 500, answer.text[:300]
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json"
        assert len(answer.data) <= MAX_ANSWER
