"""`shop find`: what somebody can name, as one timeline."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

import durable
from cli.main import main
from durable import queries
from durable.ids import new_id
from models import carts, fulfilment, inventory, orders, payments
from models.core import event_log
from models.core.database import request_id, transaction
from models.core.event_log import Event
from models.core.events import StaffActed
from models.notifications import Notification
from tests.runs import some_input
from tests.shopping import make_customer, make_product, place_order


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


def find(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["find", *arguments])


def found(what: str, *options: str) -> dict[str, Any]:
    result = find(what, "--json", *options)
    assert result.exit_code == 0, result.output
    shown: dict[str, Any] = json.loads(result.output)
    return shown


@pytest.fixture
def packed() -> dict[str, str]:
    """A confirmed order in a parcel, with its mail, and what it is known by."""
    user_id, tea = make_customer("ada"), make_product("TEA", 5)
    request_id.set("req-of-ada")
    with transaction() as session:
        made = place_order(session, user_id, {tea: 1})
        session.info.clear()  # not to be published
        inventory.reserve(session, made.id, {tea: 1})
        payment_id = payments.find_first_payment(session, made.id)
        payments.record_authorisation(session, payment_id, "pi_ADA")
        orders.confirm(session, made.id)
        inventory.allocate(session, made.id)
        carts.remove_ordered(session, user_id, made.id, {tea: 1})
        number, invoice = str(orders.get(session, made.id).number), orders.get_invoice(session, made.id).number
        session.add(
            Notification(id=new_id("ntf"), key=f"checkout:{made.id}", user_id=user_id, kind="order_confirmed",
                         channel="email", recipient="ada@example.org", subject="Thank you, Ada", text="Dear Ada,")
        )  # fmt: skip
    request_id.set(None)
    with transaction() as session:
        parcel_id = fulfilment.pack(session, made.id, tracking_number="1Z999", actor=user_id).id
        session.info.clear()
    return {
        "user": user_id, "order": made.id, "run": str(made.run_id), "payment": payment_id, "number": number,
        "invoice": invoice, "parcel": parcel_id,
    }  # fmt: skip


def test_whatever_names_an_order_shows_the_same_timeline(packed: dict[str, str]) -> None:
    expected = found(packed["order"])
    assert {entry["kind"] for entry in expected["entries"]} == {
        "customer", "order", "payment", "parcel", "run", "mail",
    }  # fmt: skip
    assert [entry["at"] for entry in expected["entries"]] == sorted(entry["at"] for entry in expected["entries"])
    assert packed["run"] in expected["runs"]
    names = ("number", "invoice", "payment", "user", "run")
    for name in ("ada@example.org", "pi_ADA", "1Z999", "req-of-ada", "ADA tester", *(packed[name] for name in names)):
        shown = found(name)
        assert (shown["orders"], shown["entries"]) == ([packed["order"]], expected["entries"]), name


def test_what_a_provider_has_of_a_payment_is_found_as_a_whole(packed: dict[str, str]) -> None:
    expected = found(packed["order"])["entries"]
    lost = f"ord_{32 * '0'}/pay_{32 * '0'}"
    whole = "/".join(packed[name] for name in ("order", "payment", "user"))
    for name in (whole, f"{whole}/cancelled", f"{packed['run']}:payments.authorise", f"{lost}/{packed['user']}"):
        assert found(name)["entries"] == expected, name
    assert find(lost).exit_code == 1


def test_a_timeline_names_people_by_their_ids_alone(packed: dict[str, str]) -> None:
    shown = find("ada@example.org").output
    assert packed["user"] in shown
    assert "1Z999" in shown
    assert "pi_ADA" in shown
    for private in ("ada@example.org", "Ada", "Dear"):
        assert private not in shown


def test_the_newest_lines_are_last_and_the_older_ones_are_cut(packed: dict[str, str]) -> None:
    whole = found(packed["number"])["entries"]
    cut = found(packed["number"], "--limit", "2")
    assert (cut["entries"], cut["is_cut"]) == (whole[-2:], True)
    assert "There is more, which is older." in find(packed["number"], "--limit", "2").output


def test_a_customer_without_orders_has_a_timeline() -> None:
    user_id = make_customer("grace")
    with transaction() as session:
        run_id = durable.start(session, "verify_phone", new_id("ord"), some_input("verify_phone"), owner=user_id)
        queries.get_run(session, run_id).stuck_reason = None
        session.info.clear()
    shown = found("grace@example.org")
    assert (shown["customers"], shown["orders"], shown["runs"]) == ([user_id], [], [run_id])


@pytest.mark.parametrize("what", ["nobody@example.org", "4711", "pi_none", "ord_" + 32 * "0", "run_" + 32 * "0", "  "])
def test_nothing_found_is_said_in_a_sentence(what: str) -> None:
    result = find(what)
    assert result.exit_code == 1
    assert result.output.startswith(f"Nothing is known of {what!r}: no customer, order, invoice")


def test_the_parts_of_an_order_lead_to_the_order(packed: dict[str, str]) -> None:
    expected = found(packed["order"])["entries"]
    with transaction() as session:
        done = session.scalars(select(payments.Transaction.id).limit(1)).one()
        invoice = orders.get_invoice(session, packed["order"]).id
    for name in (packed["parcel"], done, invoice):
        assert found(name)["entries"] == expected, name
        assert find(f"{name[:4]}{32 * '0'}").exit_code == 1


def test_any_other_id_shows_the_events_about_it_and_the_runs(packed: dict[str, str]) -> None:
    with transaction() as session:
        picture, report = new_id("pic"), new_id("rep")
        made = durable.start(session, "picture", picture, {"picture_id": picture})
        wanted = durable.start(session, "inventory_report", f"request:{report}", some_input("inventory_report"))
        acted = StaffActed(subject=picture, method="POST", path="/v1", permission="products:write", request_id=None)
        event_log.emit(session, acted)
        session.info.clear()
        mail = session.scalars(select(Notification.id)).one()
        event = session.scalars(select(Event.id).where(Event.subject == picture)).one()
    shown = found(picture)
    assert (shown["runs"], {one["what"] for one in shown["entries"]}) == (
        [made], {"picture started; now running", "staff.acted"},
    )  # fmt: skip
    assert [one["id"] for one in found(event)["entries"]] == [event]
    assert found(report)["runs"] == [wanted]
    assert found(mail)["runs"] == [packed["run"]]
    assert mail in {one["id"] for one in found(mail)["entries"]}
