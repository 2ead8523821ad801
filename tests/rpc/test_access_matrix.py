"""Who may make which call. A call that is not listed here fails the test."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import MethodOptions

from models.access import GRANTABLE, SEEDS
from rpc.services import SERVICES
from tests.conftest import Caller
from tests.rpc.calls import METHODS, Channel, Refused, bearer
from tests.rpc.pairs import PAIRS, of

RULES = {
    "Authentication.ValidateToken": "public",
    "Authorisation.CheckPermission": "public",
    "Users.GetUser": "users:read",
    "Users.ListUsers": "users:read",
    "Catalogue.GetProduct": "public",
    "Catalogue.SearchProducts": "public",
    "Cart.GetCart": "signed in or guest",
    "Cart.AddItem": "signed in or guest",
    "Cart.SetQuantity": "signed in or guest",
    "Cart.RemoveItem": "signed in or guest",
    "Orders.PlaceOrder": "signed in",
    "Orders.GetOrder": "identified",
    "Orders.ListOrders": "identified",
    "Payments.GetPayment": "identified",
    "Payments.ListPayments": "identified",
    "Inventory.GetStock": "stock:read",
    "Inventory.CheckCapacity": "stock:read",
    "Inventory.Reserve": "reservations:write",
    "Inventory.GetReservation": "stock:read",
    "Inventory.Release": "reservations:write",
    "Inventory.Ship": "reservations:write",
    "Notifications.ListNotifications": "identified",
    "Notifications.GetNotification": "identified",
    "Tasks.GetTask": "identified",
    "Tasks.FollowTask": "identified",
}
BY_NAME = {of(name): rule for name, rule in RULES.items()}
REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
PERMITTED = [name for name, rule in BY_NAME.items() if ":" in rule]


def refused(channel: Channel, name: str, metadata: dict[str, str]) -> grpc.StatusCode | None:
    """The code if the caller is refused; the request is for what does not exist."""
    answer = channel.call(name, next(iter(PAIRS[name].unknown), {}), metadata)
    return answer.code if isinstance(answer, Refused) and answer.code in REFUSED else None


def test_every_call_declares_the_listed_rule() -> None:
    declared = {method.name: method.rule.name for service in SERVICES for method in service.methods.values()}
    assert declared == BY_NAME
    assert declared.keys() == METHODS.keys()


@pytest.mark.parametrize("role", sorted(SEEDS))
def test_each_role_may_make_exactly_the_calls_that_its_permissions_allow(
    role: str, channel: Channel, sign_in: Callable[..., Caller]
) -> None:
    caller = bearer(sign_in("somebody", *([] if role == "customer" else [role])))
    for name, rule in BY_NAME.items():
        may = ":" not in rule or rule in SEEDS[role]
        assert refused(channel, name, caller) == (None if may else grpc.StatusCode.PERMISSION_DENIED), name


@pytest.mark.parametrize("permission", sorted({BY_NAME[name] for name in PERMITTED}))
def test_a_key_may_make_exactly_the_calls_that_its_permission_allows(
    permission: str, channel: Channel, api_key: Callable[..., dict[str, str]]
) -> None:
    if permission not in GRANTABLE:
        pytest.skip("not for keys")
    key = api_key(permission)
    for name, rule in BY_NAME.items():
        may = rule in ("public", "identified", permission)
        assert refused(channel, name, key) == (None if may else grpc.StatusCode.PERMISSION_DENIED), name


def test_a_guest_may_only_use_their_cart(channel: Channel, client: Any) -> None:
    guest = {"x-cart-token": client.post("/v1/cart").json["token"]}
    for name, rule in BY_NAME.items():
        may = rule in ("public", "signed in or guest")
        assert refused(channel, name, guest) == (None if may else grpc.StatusCode.UNAUTHENTICATED), name
    assert channel.call(of("Cart.GetCart"), {}, {"x-cart-token": "x"}).code == grpc.StatusCode.UNAUTHENTICATED


def test_others_do_not_see_what_belongs_to_a_customer(
    channel: Channel, sign_in: Callable[..., Caller], order: Callable[..., Any], product: Callable[..., str]
) -> None:
    owner, other = sign_in("owner"), sign_in("other")
    placed = order(owner, {product("A", 1): 1}, wait=0).json
    payment = owner.get(placed["links"]["order"]).json["payment_id"]
    for name, fields in (
        ("Orders.GetOrder", {"order_id": placed["order_id"]}),
        ("Payments.GetPayment", {"payment_id": payment}),
        ("Tasks.GetTask", {"task_id": placed["task_id"]}),
        ("Tasks.FollowTask", {"task_id": placed["task_id"]}),
    ):
        assert channel.call(of(name), fields, bearer(other)).code == grpc.StatusCode.NOT_FOUND
    assert list(channel.call(of("Orders.ListOrders"), {}, bearer(other)).data) == []


def test_calls_that_only_read_say_so() -> None:
    reading = {
        name for name, method in METHODS.items()
        if method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    }  # fmt: skip
    writing = ("Cart.AddItem", "Cart.SetQuantity", "Cart.RemoveItem", "Orders.PlaceOrder")
    of_stock = ("Inventory.Reserve", "Inventory.Release", "Inventory.Ship")
    # The cart shows each change once.
    assert METHODS.keys() - reading == {of(name) for name in ("Cart.GetCart", *writing, *of_stock)}
