"""Every status changes only along its transition table."""

import pkgutil
from collections.abc import Callable
from datetime import date
from importlib import import_module
from itertools import product
from typing import Any

import pytest
from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import models
from durable.ids import new_id
from models import accounts, catalogue, fulfilment, imports, inventory, orders, payments, pictures, returns
from models.core.database import transaction
from models.core.errors import Conflict
from models.core.status import Transitions


def make_purchase_order(session: Session) -> inventory.PurchaseOrder:
    warehouse_id = inventory.get_default_warehouse(session).id
    return inventory.PurchaseOrder(id=new_id("po"), warehouse_id=warehouse_id, run_id=new_id("run"), status="ordered")


def make_transfer(session: Session) -> inventory.Transfer:
    target_id = inventory.create_warehouse(session, new_id("wh"), {}, {}).id
    source_id = inventory.get_default_warehouse(session).id
    about = {"source_id": source_id, "target_id": target_id, "run_id": new_id("run")}
    return inventory.Transfer(id=new_id("tfr"), **about, status="requested")


def make_stock_count(session: Session) -> inventory.StockCount:
    warehouse_id = inventory.get_default_warehouse(session).id
    about = {"warehouse_id": warehouse_id, "run_id": new_id("run"), "scope": "warehouse"}
    return inventory.StockCount(id=new_id("cnt"), **about, status="open")


def make_outside_reservation(session: Session) -> inventory.OutsideReservation:
    about = {"reference": new_id("any"), "units": 1, "run_id": new_id("run"), "expires_at": func.now()}
    return inventory.OutsideReservation(id=new_id("res"), **about, status="held")


def make_backorder(session: Session) -> inventory.Backorder:
    about = {"order_id": new_id("ord"), "product_id": new_id("prd"), "promised_on": date(2100, 1, 1)}
    return inventory.Backorder(**about, quantity=1, status="reserved")


def make_reservation(session: Session) -> inventory.Reservation:
    where = {"product_id": new_id("prd"), "warehouse_id": inventory.get_default_warehouse(session).id}
    return inventory.Reservation(order_id=new_id("ord"), **where, quantity=1, status="reserved")


def make_order(session: Session) -> orders.Order:
    return orders.Order(id=new_id("ord"), user_id=new_id("usr"), total=1, currency="EUR", address={}, status="pending")


def make_invoice(session: Session) -> orders.Invoice:
    order = make_order(session)
    session.add(order)
    session.flush()
    return orders.Invoice(id=new_id("inv"), number=order.id, order_id=order.id, status="issued")


def make_parcel(session: Session) -> fulfilment.Parcel:
    about = {"order_id": new_id("ord"), "warehouse_id": new_id("wh"), "run_id": new_id("run")}
    return fulfilment.Parcel(id=new_id("ful"), **about, status="pending")


def make_return(session: Session) -> returns.Return:
    about = {"order_id": new_id("ord"), "user_id": new_id("usr"), "run_id": new_id("run"), "reason": "Torn"}
    return returns.Return(id=new_id("ret"), **about, status="requested")


def make_payment(session: Session) -> payments.Payment:
    about = {"order_id": new_id("ord"), "amount": 1, "currency": "EUR", "method": "pm_card_visa"}
    return payments.Payment(id=new_id("pay"), **about, status="pending")


def make_account(session: Session) -> accounts.User:
    names = dict.fromkeys(("username", "first_name", "last_name", "password_hash"), "ada")
    return accounts.User(id=new_id("usr"), email="ada@example.org", **names, status="active")


def make_warehouse(session: Session) -> inventory.Warehouse:
    return inventory.Warehouse(id=new_id("wh"), name="Utrecht", status="active")


def make_import(session: Session) -> imports.Import:
    about = {"run_id": new_id("run"), "format": "shopflow", "sha256": "", "options": {}, "rows": 0, "skipped": 0}
    return imports.Import(id=new_id("imp"), **about, status="reading")


def make_picture(session: Session) -> pictures.Picture:
    about = {"sku": "MUG", "title": "Mug", "price_amount": 900, "currency": "EUR", "category": "Mugs"}
    product = catalogue.create_product(session, {**about, "kind": "clothing", "description": ""})
    about = {"run_id": new_id("run"), "position": 1, "alt": "", "width": 3, "height": 2}
    return pictures.Picture(id=new_id("pic"), product_id=product.id, status="processing", **about)


ROWS: dict[str, tuple[Transitions, Callable[[Session], Any]]] = {
    "purchase order": (inventory.PURCHASE_ORDER_STATUS, make_purchase_order),
    "transfer": (inventory.TRANSFER_STATUS, make_transfer),
    "stock count": (inventory.STOCK_COUNT_STATUS, make_stock_count),
    "outside reservation": (inventory.OUTSIDE_STATUS, make_outside_reservation),
    "backorder": (inventory.BACKORDER_STATUS, make_backorder),
    "reservation": (inventory.RESERVATION_STATUS, make_reservation),
    "order": (orders.ORDER_STATUS, make_order),
    "invoice": (orders.INVOICE_STATUS, make_invoice),
    "parcel": (fulfilment.PARCEL_STATUS, make_parcel),
    "return": (returns.RETURN_STATUS, make_return),
    "payment": (payments.PAYMENT_STATUS, make_payment),
    "account": (accounts.ACCOUNT_STATUS, make_account),
    "warehouse": (inventory.WAREHOUSE_STATUS, make_warehouse),
    "import": (imports.IMPORT_STATUS, make_import),
    "picture": (pictures.PICTURE_STATUS, make_picture),
}
"""Name → transition table, and a function that makes a new row."""


def test_every_transition_table_is_tested() -> None:
    found = {
        value.name
        for module in pkgutil.walk_packages(models.__path__, "models.")
        for value in vars(import_module(module.name)).values() if isinstance(value, Transitions)
    }  # fmt: skip
    assert found == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_only_the_transitions_of_the_table_are_allowed(name: str) -> None:
    table, make = ROWS[name]
    with transaction() as session:
        row = make(session)
        session.add(row)
        for current, new in product(table.statuses, repeat=2):
            row.status = current
            session.flush()  # the database accepts every status
            if new in table.following[current]:
                table.move(row, new)
                session.flush()
                assert row.status == new
                continue
            with pytest.raises(Conflict) as refused:
                table.move(row, new)
            assert (refused.value.status, refused.value.code, row.status) == (409, "wrong_state", current)
            possible = list(table.following[current])
            assert refused.value.extra == {"current": current, "possible": possible}
            said = [word.replace("_", " ") for word in (current, *possible)]
            assert [word for word in said if word not in refused.value.detail] == []


@pytest.mark.parametrize("name", ROWS)
def test_a_constraint_refuses_unknown_statuses(name: str) -> None:
    _, make = ROWS[name]
    with transaction() as session:
        row = make(session)
        row.status = "eaten"
    with pytest.raises(IntegrityError, match="violates check constraint"), transaction() as session:
        session.add(row)


def test_a_refused_transition_names_the_possible_ones() -> None:
    assert orders.ORDER_STATUS.refusal("shipped").detail == (
        "This order is shipped; it can become delivered or returned."
    )
    assert (
        orders.ORDER_STATUS.refusal("confirmed").detail
        == "This order is confirmed; it can become processing or cancelled."
    )
    assert inventory.PURCHASE_ORDER_STATUS.refusal("ordered").detail == (
        "This purchase order is ordered; it can become partly received, received or cancelled."
    )
    assert payments.PAYMENT_STATUS.refusal("voided").detail == "This payment is voided; that is final."
