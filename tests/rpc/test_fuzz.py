"""Random bytes and random messages: every call answers, or refuses with a code; none is an error of the shop."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Caller
from tests.fuzz.conftest import fuzzed
from tests.rpc.calls import METHODS, Channel, Refused, bearer

UNARY = sorted(name for name, method in METHODS.items() if not method.server_streaming)
OURS = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE)
PREFIXES = ("usr", "prd", "ord", "pay", "run", "wh", "res", "ntf", "adr", "grp")
METADATA = ("authorization", "x-api-key", "x-cart-token", "idempotency-key", "x-request-id", "traceparent")
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "\0", "x" * 5000, "stripe", "pm_card_visa", "-created_at", "relevance", "a.b.c"]),
    st.sampled_from(PREFIXES).map(lambda prefix: f"{prefix}_{'0' * 32}"),
)
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_DOUBLE: st.floats(max_value=0.5),
}


def fields_of(descriptor: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Fields of such a message, each of which may be missing."""
    found: dict[str, st.SearchStrategy[Any]] = {}
    for field in descriptor.fields:
        value = fields_of(field.message_type) if field.message_type else SCALARS[field.type]
        found[field.name] = st.lists(value, max_size=3) if field.is_repeated else value
    return st.fixed_dictionaries({}, optional=found)


def check(answer: Any) -> None:
    assert not (isinstance(answer, Refused) and answer.code in OURS), answer


@pytest.mark.parametrize("name", UNARY)
def test_every_call_answers_random_messages(name: str, channel: Channel, sign_in: Callable[..., Caller]) -> None:
    admin = {**bearer(sign_in("root", "admin")), "idempotency-key": "k"}
    kind = GetMessageClass(METHODS[name].input_type)

    @fuzzed
    @given(fields_of(METHODS[name].input_type))
    def ask(fields: dict[str, Any]) -> None:
        try:
            data = kind(**fields).SerializeToString()
        except (UnicodeEncodeError, ValueError):  # a surrogate, which no client can send
            return
        check(channel.send(name, data, admin))

    ask()


@pytest.mark.parametrize("name", UNARY)
def test_every_call_answers_random_bytes(name: str, channel: Channel, sign_in: Callable[..., Caller]) -> None:
    admin = {**bearer(sign_in("root", "admin")), "idempotency-key": "k"}

    @fuzzed
    @given(st.binary(max_size=200))
    def ask(data: bytes) -> None:
        check(channel.send(name, data, admin))

    ask()


@fuzzed
@given(
    st.dictionaries(
        st.sampled_from(METADATA),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300),
    )
)
def test_any_metadata_is_answered(server: str, seeds: Any, metadata: dict[str, str]) -> None:
    with grpc.insecure_channel(server) as opened:
        for name in ("shopflow.cart.v1.CartService/GetCart", "shopflow.orders.v1.OrdersService/ListOrders"):
            check(Channel(opened).call(name, {}, metadata))
