"""Random requests to the served API, valid and invalid by its OpenAPI document.

No response is a 500 or missing in the document; requests that violate a schema are refused, and valid ones
are not. Sequences of requests are in tests/api/test_sequences.py.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from schemathesis.schemas import BaseSchema

from tests.api.described import Case, prepare, schema
from tests.conftest import Caller
from tests.servers import Server
from tests.serving import serving
from tests.shopping import make_product

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
    prepare(case)
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
