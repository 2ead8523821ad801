"""The reconciliation, with real workers, against a sandbox gateway in which money has moved behind the shop's back."""

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, text

from durable.ids import new_id
from durable.tables import RunRecord
from models.core.database import transaction
from models.notifications import Notification
from tests.shop import Shop
from tests.workflows.test_after_the_order import capture

PAYMENTS = "/v1/payment_intents"


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with a message per step, so that slices are a Celery chord, and without a grace period."""
    var: Path = tmp_path_factory.mktemp("shop")
    with ExitStack() as exits:
        shop = Shop(var, exits, SHOP_CONTINUE_FOR="0", SHOP_RECONCILE_GRACE="0")
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


def ask(shop: Shop, path: str, **form: Any) -> dict[str, Any]:
    """A request to the gateway that the shop knows nothing of."""
    answer = requests.post(shop.gateway.url + path, data=form, auth=("sk_test_other", ""), timeout=10)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(autouse=True)
def emptied(shop: Shop, database: None) -> Iterator[None]:
    """After each test, the gateway holds nothing: the next test's database does not know its orders."""
    yield
    for made in shop.ledger():
        left = made["amount_received"] - sum(one["amount"] for one in made["operations"] if one["kind"] == "refund")
        if made["status"] == "requires_capture":
            ask(shop, f"{PAYMENTS}/{made['id']}/cancel")
        elif left:
            ask(shop, "/v1/refunds", payment_intent=made["id"])


def hold(shop: Shop, order_id: str | None = None, payment_id: str | None = None, amount: int = 500) -> str:
    about = {"metadata[order_id]": order_id, "metadata[payment_id]": payment_id}
    form = {"amount": amount, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    made = ask(shop, PAYMENTS, capture_method="manual", **form, **{k: v for k, v in about.items() if v})
    return str(made["id"])


def status(shop: Shop, reference: str) -> str:
    return next(str(made["status"]) for made in shop.ledger() if made["id"] == reference)


def reference_of(shop: Shop, placed: dict[str, Any]) -> str:
    """The order's payment at the gateway."""
    made = [made for made in shop.ledger() if made["metadata"].get("payment_id") == placed["payment_id"]]
    return str(made[0]["id"])


def reconcile(finance: Any, **body: Any) -> dict[str, Any]:
    time.sleep(1.1)  # the gateway's list is by whole seconds, and excludes the one in progress
    answer = finance.post("/v1/reconciliations", json=body, headers={"Prefer": "wait=25"})
    if answer.status_code == 202:
        url = answer.json["links"]["task"]
        for _ in range(6):
            task = finance.get(f"{url}?wait=30").json
            if task["status"] == "succeeded":
                break
        answer = finance.get(task["links"]["reconciliation"])
    assert answer.status_code in (200, 201), answer.json
    found: dict[str, Any] = answer.json
    return found


def found_in(made: dict[str, Any]) -> dict[str, tuple[str, int | None, int | None, bool]]:
    """Reference → kind, the two amounts, and whether it was repaired."""

    def amount(money: dict[str, int] | None) -> int | None:
        return money["amount"] if money else None

    return {
        one["reference"]: (one["kind"], amount(one["ours"]), amount(one["theirs"]), one["repaired"])
        for one in made["differences"]
    }


def mails(made: dict[str, Any]) -> list[str]:
    """The texts of the mails that were sent about it."""
    sent = select(Notification.text).where(Notification.sent_at.is_not(None), Notification.text.contains(made["id"]))
    with transaction() as session:
        return list(session.scalars(sent))


@pytest.fixture
def orders(shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]) -> Callable[[], Any]:
    """Places and confirms an order of 19.99."""
    shirt = product("SHIRT", 50)

    def place(method: str = "pm_card_visa") -> Any:
        return order(customer, {shirt: 1}, method).json

    return place


def test_equal_books_are_clean(shop: Shop, staff: Any, orders: Callable[[], Any]) -> None:
    placed = orders()
    capture(staff, orders())
    made = reconcile(staff)
    assert (made["status"], made["differences"]) == ("clean", [])
    assert made["counts"]["ours"] >= 2
    assert (placed["status"], mails(made)) == ("confirmed", [])


def test_every_kind_of_difference_is_found_and_reported_once(
    shop: Shop, staff: Any, orders: Callable[..., Any]
) -> None:
    orders("pm_card_chargeDeclined")
    (cancelled,) = staff.get("/v1/orders").json["data"]
    twice, gone, lapsed, taken, given = (orders() for _ in range(5))
    references = {reference_of(shop, one): one for one in (twice, gone, lapsed, taken, given)}
    of = {one["id"]: reference for reference, one in references.items()}
    assert capture(staff, given).json["status"] == "captured"

    forgotten = hold(shop, cancelled["id"])
    unknown = hold(shop, new_id("ord"), new_id("pay"))
    foreign = hold(shop)
    double = hold(shop, twice["id"], twice["payment_id"], 1999)
    ask(shop, f"{PAYMENTS}/{of[gone['id']]}/cancel")
    ask(shop, f"/sandbox/payment_intents/{of[lapsed['id']]}/lapse")
    ask(shop, f"{PAYMENTS}/{of[taken['id']]}/capture")
    ask(shop, "/v1/refunds", payment_intent=of[given["id"]], amount=700)

    made = reconcile(staff)
    assert made["status"] == "differences"
    assert found_in(made) == {
        forgotten: ("forgotten_authorisation", None, 500, True),
        unknown: ("forgotten_authorisation", None, 500, True),
        foreign: ("paid_without_order", None, 500, False),
        double: ("double_payment", None, 1999, False),
        of[gone["id"]]: ("order_without_payment", 1999, 0, False),
        of[lapsed["id"]]: ("lapsed_authorisation", 1999, 0, True),
        of[taken["id"]]: ("amount_differs", 0, 1999, False),
        of[given["id"]]: ("refund_differs", 0, 700, False),
    }
    assert [status(shop, one) for one in (forgotten, unknown, foreign)] == ["canceled", "canceled", "requires_capture"]
    assert {name: made["counts"][name] for name in ("differences", "repaired", "forgotten_authorisation")} == {
        "differences": 8, "repaired": 3, "forgotten_authorisation": 2,
    }  # fmt: skip
    (mail,) = mails(made)
    assert "forgotten authorisation: 2" in mail
    assert "3 of them were repaired" in mail
    assert staff.get(f"/v1/payments/{lapsed['payment_id']}").json["status"] == "voided"

    again = reconcile(staff)
    assert set(found_in(again)) == set(found_in(made)) - {forgotten, unknown, of[lapsed["id"]]}
    assert [one["id"] for one in staff.get("/v1/reconciliations").json["data"]] == [again["id"], made["id"]]

    sheet = staff.get(made["links"]["csv"])
    rows = list(csv.DictReader(StringIO(sheet.text)))
    assert Counter(row["kind"] for row in rows) == Counter(one["kind"] for one in made["differences"])
    assert {row["reference"]: row["repaired"] for row in rows}[forgotten] == "yes"
    page = staff.get(made["links"]["html"])
    assert all(reference in page.text for reference in found_in(made))
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_payment_that_the_gateway_does_not_know_is_found(shop: Shop, staff: Any, orders: Callable[[], Any]) -> None:
    placed = orders()
    with transaction() as session:
        session.execute(text("UPDATE payments.payment SET reference = 'pi_lost', updated_at = now()"))
    found = found_in(reconcile(staff))
    assert found["pi_lost"] == ("order_without_payment", 1999, None, False)
    assert found[reference_of(shop, placed)][0] == "double_payment"


def test_a_day_requested_many_times_at_once_is_reconciled_once(shop: Shop, staff: Any) -> None:
    def start(_: int) -> Any:
        return staff.client.post("/v1/reconciliations", json={"date": "2026-11-01"}, headers=staff.headers)

    shop.armed.write_text("before-commit@reports.reconcile")  # so that none ends before the last request
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(start, range(6)))
    assert {answer.status_code for answer in answers} == {202}
    (task,) = {answer.json["links"]["task"] for answer in answers}
    shop.armed.unlink(missing_ok=True)
    ended = staff.get(f"{task}?wait=30").json
    assert (ended["status"], ended["result"]["status"]) == ("succeeded", "clean"), ended
    assert len(staff.get("/v1/reconciliations").json["data"]) == 1


@pytest.mark.parametrize("body", [{"date": "2999-01-01"}, {"date": "1999-12-31"}, {"date": "soon"}, {"day": "x"}])
def test_an_implausible_day_is_refused(shop: Shop, staff: Any, body: dict[str, str]) -> None:
    answer = staff.post("/v1/reconciliations", json=body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_fields")
    assert staff.get("/v1/reconciliations").json["data"] == []


def test_a_gateway_that_is_down_for_a_while_delays_a_reconciliation(
    shop: Shop, staff: Any, orders: Callable[..., Any]
) -> None:
    orders()
    forgotten = hold(shop, new_id("ord"))
    faults = f"{shop.gateway.url}/sandbox/faults"
    injected: list[dict[str, Any]] = [
        {"kind": "unavailable", "times": 2},
        {"kind": "error", "path": f"{PAYMENTS}/{forgotten}/cancel"},
        {"kind": "error_after", "path": f"{PAYMENTS}/{forgotten}/cancel"},
    ]
    for fault in injected:
        requests.post(faults, json=fault, timeout=30).raise_for_status()
    try:
        made = reconcile(staff)
    finally:
        requests.delete(faults, timeout=30).raise_for_status()
    assert found_in(made) == {forgotten: ("forgotten_authorisation", None, 500, True)}
    assert len(mails(made)) == 1
    (ledger,) = [one for one in shop.ledger() if one["id"] == forgotten]
    assert [done["kind"] for done in ledger["operations"]].count("cancel") == 1


def test_a_period_with_many_payments_is_continued_by_child_runs(
    shop: Shop, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction() as session:
        session.execute(
            text("""
            WITH placed AS (
                INSERT INTO orders."order" (id, user_id, status, total, currency, address, created_at)
                SELECT uuidv7(n * interval '-1 second'), gen_random_uuid(), 'cancelled', 1, 'EUR', '{}',
                    now() - n * interval '1 second' FROM generate_series(1, 5200) AS n RETURNING id, created_at
            )
            INSERT INTO payments.payment (id, order_id, amount, currency, method, status, created_at)
            SELECT uuidv7(created_at - now()), id, 1, 'EUR', 'm', 'failed', created_at FROM placed""")
        )
    with ThreadPoolExecutor(8) as threads:
        strays = set(threads.map(lambda _: hold(shop, new_id("ord")), range(120)))
    made = reconcile(staff)
    assert made["counts"]["ours"] == 5200
    assert {one["reference"] for one in made["differences"] if one["repaired"]} == strays
    assert made["counts"]["repaired"] == 120
    assert len(mails(made)) == 1
    assert len(staff.get("/v1/reconciliations").json["data"]) == 1
    with transaction() as session:
        runs = session.scalars(select(RunRecord.status).where(RunRecord.workflow == "reconciliation")).all()
    assert set(runs) == {"succeeded"}
    assert len(runs) >= 2


@pytest.mark.parametrize("point", ["after-call@reports.repair", "before-commit@reports.repair"])
def test_a_worker_kill_repairs_and_reports_once(shop: Shop, staff: Any, point: str) -> None:
    forgotten = hold(shop, new_id("ord"))
    shop.armed.write_text(point)
    made = reconcile(staff)
    assert shop.struck()
    assert found_in(made) == {forgotten: ("forgotten_authorisation", None, 500, True)}
    assert (len(mails(made)), status(shop, forgotten)) == (1, "canceled")


def test_beat_reconciles_the_day_before_once(shop: Shop, staff: Any) -> None:
    from workflows import app

    for _ in range(3):
        app.send_task("schedule.start", ("reconciliation",), queue="reports")
    for _ in range(100):
        if found := staff.get("/v1/reconciliations").json["data"]:
            break
        time.sleep(0.1)
    (made,) = found
    assert made["to"] == f"{made['to'][:10]}T00:00:00Z"
    assert made["date"] < made["to"][:10]
