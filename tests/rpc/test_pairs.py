"""Both doors give the same answer and the same refusal: each call, and its twin in the REST API."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from models.core.database import transaction
from rpc.services import SERVICES
from rpc.statuses import CODES
from tests.api.test_app import endpoints
from tests.api.test_notifications import compose
from tests.conftest import ADDRESS, Caller
from tests.rpc.calls import METHODS, Channel, Refused, bearer
from tests.rpc.pairs import PAIRS, Pair, of
from tests.shopping import fill_cart, make_product

RULES = {method.name: method.rule.name for service in SERVICES for method in service.methods.values()}
KEY = {"idempotency-key": "key-1"}


def as_message(answer: Any, pair: Pair, like: Message) -> Message:
    """What REST has answered, as a message of the other door."""
    body = answer.json
    for change in body.get("changes", ()):
        for name in ("before", "now"):
            change[name] = change[name]["amount"] if isinstance(change[name], dict) else change[name]
    shown = {pair.shown: body} if pair.shown else body
    return json_format.ParseDict(shown, type(like)(), ignore_unknown_fields=True)


def rest(client: Any, pair: Pair, fields: dict[str, Any], metadata: dict[str, str]) -> Any:
    method, path, options = pair.ask(fields)
    return client.open(path, method=method, headers=metadata, **options)


def check_refusals(
    channel: Channel, client: Any, name: str, fields: dict[str, Any], metadata: dict[str, str]
) -> Refused:
    """Asks both doors, and checks that they refuse alike."""
    theirs = rest(client, PAIRS[name], fields, metadata)
    ours = channel.call(name, fields, metadata)
    assert isinstance(ours, Refused), (theirs.status, ours)
    assert theirs.is_json, theirs
    problem = theirs.json
    assert (ours.code, ours.reason) == (CODES[theirs.status_code], problem["code"]), (ours, problem)
    if problem["code"] != "not_found":  # REST knows no such URL, or no such product
        assert ours.detail == problem["detail"]
    assert ours.errors == {
        name: [reason[:150] for reason in found] for name, found in problem.get("errors", {}).items()
    }
    assert ours.metadata.keys() == problem.keys() - {
        "type", "title", "status", "detail", "code", "request_id", "errors", "links"
    }  # fmt: skip
    return ours


def test_every_call_has_a_twin_with_the_same_rule(app: Any) -> None:
    assert PAIRS.keys() == METHODS.keys() == RULES.keys()
    addresses = {(method, re.sub(r"<[^>]+>", "{}", path)): view.rule for method, path, view in endpoints(app)}
    for name, pair in PAIRS.items():
        method, path = pair.twin.split(" ")
        assert addresses[method, re.sub(r"{\w+}", "{}", path)] == RULES[name], name


@pytest.mark.parametrize("name", PAIRS)
def test_both_doors_refuse_what_is_invalid_and_unknown(
    name: str, channel: Channel, client: Any, sign_in: Callable[..., Caller]
) -> None:
    admin = sign_in("root", "admin")
    metadata = {**bearer(admin), **KEY}
    for fields in PAIRS[name].invalid:
        assert check_refusals(channel, client, name, fields, metadata).reason == "invalid_fields", fields
    for fields in PAIRS[name].unknown:
        assert check_refusals(channel, client, name, fields, metadata).reason == "not_found", fields


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule != "public"])
def test_both_doors_refuse_strangers_alike(
    name: str, channel: Channel, client: Any, sign_in: Callable[..., Caller], api_key: Callable[..., dict[str, str]]
) -> None:
    customer = sign_in("customer")
    fields = next(iter((*PAIRS[name].unknown, {})))
    for metadata, reason in (
        (KEY, "not_signed_in"),
        ({"authorization": "Bearer nonsense", **KEY}, "invalid_token"),
        ({"authorization": f"Basic {customer.access_token}", **KEY}, "not_signed_in"),
    ):
        assert check_refusals(channel, client, name, fields, metadata).reason == reason
    if RULES[name].startswith("signed in"):
        assert check_refusals(channel, client, name, fields, {**api_key(), **KEY}).reason == "not_allowed"
    else:
        assert check_refusals(channel, client, name, fields, {"x-api-key": "sk_1"}).reason == "invalid_api_key"
    if ":" in RULES[name]:
        assert check_refusals(channel, client, name, fields, bearer(customer)).metadata == {"permission": RULES[name]}
        assert check_refusals(channel, client, name, fields, api_key()).metadata == {"permission": RULES[name]}


@pytest.fixture
def found(client: Any, staff: Caller, customer: Caller, order: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """Requests of staff for what exists."""
    first, second = make_product("A", 5), make_product("B", 0)
    placed = order(customer, {first: 2}, wait=0).json
    shown = customer.get(placed["links"]["order"]).json
    fill_cart(customer, {first: 1})
    with transaction() as session:
        from models import inventory

        [warehouse, *_] = session.scalars(inventory.select_warehouses()).all()
    return {
        of("Authentication.ValidateToken"): {"token": customer.access_token},
        of("Authorisation.CheckPermission"): {"resource": "stock", "action": "read"},
        of("Users.GetUser"): {"user_id": customer.user_id},
        of("Users.ListUsers"): {"limit": 1},
        of("Catalogue.GetProduct"): {"product_id": first},
        of("Catalogue.SearchProducts"): {"limit": 1, "q": "the", "in_stock": True},
        of("Cart.GetCart"): {},
        of("Cart.SetQuantity"): {"product_id": first, "quantity": 2},
        of("Cart.AddItem"): {"product_id": second, "quantity": 1},
        of("Cart.RemoveItem"): {"product_id": first},
        of("Orders.GetOrder"): {"order_id": placed["order_id"]},
        of("Orders.ListOrders"): {"user_id": customer.user_id, "limit": 1},
        of("Payments.GetPayment"): {"payment_id": shown["payment_id"]},
        of("Payments.ListPayments"): {"order_id": placed["order_id"]},
        of("Inventory.GetStock"): {"product_id": first, "low": False},
        of("Inventory.CheckCapacity"): {"warehouse_id": warehouse.id, "product_id": first, "quantity": 3},
        of("Notifications.ListNotifications"): {"user_id": customer.user_id},
        of("Tasks.GetTask"): {"task_id": placed["task_id"]},
    }


STOCK = ("Reserve", "GetReservation", "Release", "Ship")
ALONE = {
    of("Notifications.GetNotification"), of("Tasks.FollowTask"), of("Orders.PlaceOrder"),
    *(of(f"Inventory.{name}") for name in STOCK),
}  # fmt: skip
"""Have tests of their own."""


def test_both_doors_answer_staff_alike(
    channel: Channel, client: Any, staff: Caller, sign_in: Callable[..., Caller], found: dict[str, dict[str, Any]]
) -> None:
    assert PAIRS.keys() - found.keys() == ALONE
    admin = sign_in("root", "admin")
    for name, fields in found.items():
        if "Cart" in name:
            continue
        ours = channel.call(name, fields, bearer(admin))
        assert isinstance(ours, Message), (name, ours)
        assert ours == as_message(rest(client, PAIRS[name], fields, bearer(admin)), PAIRS[name], ours), name


def test_both_doors_change_carts_alike(
    channel: Channel, client: Any, sign_in: Callable[..., Caller], found: dict[str, dict[str, Any]]
) -> None:
    one, other = bearer(sign_in("one")), bearer(sign_in("other"))
    changes = ("Cart.AddItem", "Cart.SetQuantity", "Cart.GetCart", "Cart.RemoveItem")
    for name in ("Cart.AddItem", *changes):
        fields = found[of(name)]
        ours = channel.call(of(name), fields, one)
        theirs = rest(client, PAIRS[of(name)], fields, other)
        if isinstance(ours, Refused):
            assert (ours.reason, ours.detail) == (theirs.json["code"], theirs.json["detail"])
        else:
            assert ours == as_message(theirs, PAIRS[of(name)], ours), name


def test_both_doors_show_the_state_of_a_task_alike(
    channel: Channel, client: Any, customer: Caller, order: Callable[..., Any]
) -> None:
    fields = {"task_id": order(customer, {make_product("A", 1): 1}, wait=0).json["task_id"]}
    name = of("Tasks.FollowTask")
    with channel.stream(name, fields, bearer(customer)) as stream:
        ours = next(stream)
    theirs = rest(client, PAIRS[of("Tasks.GetTask")], fields, bearer(customer))
    assert ours == as_message(theirs, PAIRS[name], ours)
    assert ours.task.steps == []
    assert ours.task.progress.total > 3


def test_both_doors_show_what_was_mailed_alike(
    channel: Channel, client: Any, customer: Caller, sign_in: Callable[..., Caller]
) -> None:
    message = compose(customer.user_id, "ada@example.org")
    for name, fields in (
        ("Notifications.GetNotification", {"notification_id": message.id}),
        ("Notifications.ListNotifications", {}),
    ):
        ours = channel.call(of(name), fields, bearer(customer))
        assert ours == as_message(rest(client, PAIRS[of(name)], fields, bearer(customer)), PAIRS[of(name)], ours)
    assert ours.data[0].id == message.id
    fields = {"notification_id": message.id}
    stranger = bearer(sign_in("stranger"))
    refused = check_refusals(channel, client, of("Notifications.GetNotification"), fields, stranger)
    assert refused.reason == "not_found"


def test_both_doors_place_orders_alike(channel: Channel, client: Any, sign_in: Callable[..., Caller]) -> None:
    product_id, body = make_product("A", 5), {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
    shown = []
    for name in ("one", "other"):
        caller = sign_in(name)
        metadata = {**bearer(caller), "idempotency-key": f"key-{name}"}
        assert (
            check_refusals(channel, client, of("Orders.PlaceOrder"), body, {**metadata, **KEY}).reason == "cart_empty"
        )
        fill_cart(caller, {product_id: 2})
        if name == "one":
            placed = channel.call(of("Orders.PlaceOrder"), body, metadata)
            order_id = placed.order_id
        else:
            order_id = rest(client, PAIRS[of("Orders.PlaceOrder")], body, metadata).json["order_id"]
        again = check_refusals(channel, client, of("Orders.PlaceOrder"), body, {**metadata, "idempotency-key": "other"})
        assert again.reason == "checkout_in_progress"
        assert again.metadata["order_id"] == order_id
        shown.append(caller.get(f"/v1/orders/{order_id}").json)
    same = ("status", "total", "address", "payment_status", "fulfilment_status")
    assert [shown[0][name] for name in same] == [shown[1][name] for name in same]


def test_a_checkout_without_a_key_is_refused_alike(channel: Channel, client: Any, customer: Caller) -> None:
    body = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
    refused = check_refusals(channel, client, of("Orders.PlaceOrder"), body, bearer(customer))
    assert refused.reason == "idempotency_key_required"


@pytest.mark.parametrize("ending", ["Release", "Ship"])
def test_both_doors_hold_stock_alike(
    ending: str, channel: Channel, client: Any, api_key: Callable[..., dict[str, str]]
) -> None:
    key = api_key("reservations:write", "stock:read")
    product_id, shown = make_product("A", 9), []
    for reference in ("ours", "theirs"):
        body = {"reference": reference, "lines": [{"product_id": product_id, "quantity": 2}], "expires_in": 60}
        if reference == "ours":
            held = channel.call(of("Inventory.Reserve"), body, key).reservation
            again = check_refusals(channel, client, of("Inventory.Reserve"), body, key)
            assert (again.reason, again.metadata) == ("already_reserved", {"reservation_id": held.id})
            about = {"reservation_id": held.id}
            read = channel.call(of("Inventory.GetReservation"), about, key)
            assert read.reservation == held
            assert read == as_message(rest(client, PAIRS[of("Inventory.GetReservation")], about, key),
                                      PAIRS[of("Inventory.GetReservation")], read)  # fmt: skip
            ended = channel.call(of(f"Inventory.{ending}"), about, key).reservation
            ended = json_format.MessageToDict(ended, preserving_proto_field_name=True)
        else:
            made = rest(client, PAIRS[of("Inventory.Reserve")], body, key)
            assert made.status_code == 201
            ended = rest(client, PAIRS[of(f"Inventory.{ending}")], {"reservation_id": made.json["id"]}, key).json
        other = "Ship" if ending == "Release" else "Release"
        about = {"reservation_id": ended["id"]}
        assert check_refusals(channel, client, of(f"Inventory.{other}"), about, key).reason == "wrong_state"
        shown.append((ended["status"], [int(line["quantity"]) for line in ended["lines"]]))
    assert shown[0] == shown[1]


def test_what_staff_change_is_recorded_by_both_doors(channel: Channel, client: Any, sign_in: Any) -> None:
    root = sign_in("root", "admin")
    product_id = make_product("A", 9)
    recorded = []
    for door in ("gRPC", "POST"):
        body = {"reference": door, "lines": [{"product_id": product_id, "quantity": 2}]}
        if door == "gRPC":
            made = channel.call(of("Inventory.Reserve"), body, bearer(root)).reservation.id
            channel.call(of("Inventory.GetReservation"), {"reservation_id": made}, bearer(root))
        else:
            made = rest(client, PAIRS[of("Inventory.Reserve")], body, bearer(root)).json["id"]
        [event, *_] = root.get("/v1/events?name=staff.acted").json["data"]
        payload = event["payload"]
        assert (event["subject"], payload["method"]) == (made, door)
        recorded.append((payload["permission"], event["actor"]))
    assert recorded == [("reservations:write", root.user_id)] * 2
