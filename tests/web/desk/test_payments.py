"""The desk's pages of payments, disputes and reconciliations, without workers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from durable.ids import new_id
from durable.tables import RunRecord
from models import payments
from models.core.database import transaction
from tests.web.desk.filling import reconciled
from tests.web.desk.selling import Bought, Desk

LIST = "/desk/reconciliations"


@pytest.fixture
def paid(sale: Bought) -> Bought:
    """An order whose parcel has left: its payment is captured."""
    sale.parcel()
    return sale


def test_the_page_of_a_payment_is_its_ledger(desk: Desk, paid: Bought) -> None:
    page = desk.get(f"/desk/payments/{paid.payment_id}").text
    assert page.count("€39.98") >= 4  # amount, captured, refundable, and the ledger
    assert f'href="{paid.path}"' in page
    assert "pi_captured" in page
    assert f'href="/desk/payments/{paid.payment_id}"' in desk.get("/desk/payments").text
    assert f'href="/desk/payments/{paid.payment_id}"' in desk.get(paid.path).text
    assert desk.get(f"/desk/payments/{new_id('pay')}").status_code == 404


def test_a_refund_from_the_page_of_the_payment_leads_back_there(desk: Desk, paid: Bought) -> None:
    page, action = f"/desk/payments/{paid.payment_id}", f"/desk/payments/{paid.payment_id}/refund"
    form = {**desk.form(page, action), "amount": "5,00", "reason": "A dent"}
    sent = [desk.post(action, data=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303], sent[0].text
    assert sent[0].headers["Location"] == sent[1].headers["Location"]
    shown = desk.get(sent[0].headers["Location"]).text
    assert "The refund is under way." in shown
    assert "€34.98" in shown  # still refundable
    refused = desk.fill(page, action, amount="1000", reason="Too much")
    assert refused.status_code == 409
    assert "more than can be captured or refunded" in refused.text
    assert "<h1>Payment of order" in refused.text
    from_order = desk.fill(paid.path, action, amount="1", reason="A dent")
    assert from_order.headers["Location"].startswith(paid.path)


def test_a_capture_from_the_page_of_the_payment_leads_back_there(desk: Desk, sale: Bought) -> None:
    page = f"/desk/payments/{sale.payment_id}"
    sent = desk.fill(page, f"{page}/capture")
    assert sent.headers["Location"].startswith(page)
    assert "The payment is being captured." in desk.get(sent.headers["Location"]).text


def test_a_dispute_is_listed_with_its_deadline_until_it_is_decided(desk: Desk, paid: Bought) -> None:
    assert "No dispute matches." in desk.get("/desk/disputes").text
    paid.disputed()
    page = desk.get("/desk/disputes").text
    for known in (str(paid.order.number), "needs a response", "fraudulent", "in 9 days", "dp_1", "€39.98"):
        assert known in page, known
    assert f'href="/desk/payments/{paid.payment_id}"' in page
    payment = desk.get(f"/desk/payments/{paid.payment_id}").text
    assert "asks about this payment: fraudulent. Respond by" in payment
    assert "/refund" not in payment
    paid.disputed("under_review")
    assert "dp_1" not in desk.get("/desk/disputes").text
    assert "dp_1" in desk.get("/desk/disputes?view=open").text
    assert "It is being decided." in desk.get(f"/desk/payments/{paid.payment_id}").text
    paid.disputed("won")
    assert "dp_1" not in desk.get("/desk/disputes?view=open").text
    assert "dp_1" in desk.get("/desk/disputes?view=won").text
    assert "dp_1" in desk.get("/desk/disputes?view=all").text
    assert "cannot be read" in desk.get("/desk/disputes?view=none").text


def test_a_provider_may_give_more_time(paid: Bought) -> None:
    paid.disputed()
    later = datetime.now(UTC) + timedelta(days=20)
    about: payments.ReportedDispute = {
        "reference": "dp_1", "amount": 100, "state": "needs_response", "reason": None, "respond_by": later.isoformat(),
    }  # fmt: skip
    with transaction() as session:
        assert payments.record_report(session, paid.payment_id, [], [about]) == []
    with transaction() as session:
        [(dispute, _)] = session.execute(payments.select_disputes("needs_response")).all()
        assert (dispute.respond_by, dispute.amount) == (later, paid.order.total)


def test_a_reconciliation_is_started_once_and_followed(desk: Desk) -> None:
    form = {**desk.form(LIST, LIST), "date": "2026-11-20"}
    sent = [desk.post(LIST, data=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303], sent[0].text
    with transaction() as session:
        [run] = session.scalars(select(RunRecord).where(RunRecord.workflow == "reconciliation"))
        assert run.input["day"] == "2026-11-20"
    assert sent[0].headers["Location"] == f"{LIST}/runs/{run.id}"
    assert "<progress" in desk.get(f"{LIST}/runs/{run.id}").text
    made = reconciled()
    with transaction() as session:
        found = session.get_one(RunRecord, run.id)
        found.status, found.finished_at, found.result = "succeeded", datetime.now(UTC), {"reconciliation_id": made}
    assert desk.get(f"{LIST}/runs/{run.id}").headers["Location"] == f"{LIST}/{made}"
    refused = desk.fill(LIST, LIST, date="2999-01-01")
    assert refused.status_code == 422
    assert "must not be in the future" in refused.text


def test_differences_are_listed_by_kind_and_what_is_open(desk: Desk, paid: Bought) -> None:
    made = reconciled(
        {"kind": "amount_differs", "order_id": paid.id, "payment_id": paid.payment_id, "ours": 3998,
         "ours_currency": "EUR"},
        {"kind": "forgotten_authorisation", "repair": "done"}, {"kind": "forgotten_authorisation"},
    )  # fmt: skip
    assert f"{LIST}/{made}" in desk.get(LIST).text
    page = desk.get(f"{LIST}/{made}").text
    for known in ("pi_0", "pi_1", "pi_2", "€12.50", "€39.98", f"/desk/payments/{paid.payment_id}", paid.path):
        assert known in page, known
    unrepaired = desk.get(f"{LIST}/{made}?open=true").text
    assert ("pi_0" in unrepaired, "pi_1" in unrepaired, "pi_2" in unrepaired) == (True, False, True)
    forgotten = desk.get(f"{LIST}/{made}?kind=forgotten_authorisation").text
    assert ("pi_0" in forgotten, "pi_1" in forgotten) == (False, True)
    assert desk.get(f"{LIST}/{made}.csv").text.count("\n") == 4
    assert "cannot be read" in desk.get(f"{LIST}/{made}?kind=gossip").text
    assert desk.get(f"{LIST}/{new_id('rec')}").status_code == 404


def test_many_differences_have_pages(desk: Desk) -> None:
    made = reconciled(*({"kind": "paid_without_order"} for _ in range(60)))
    first = desk.get(f"{LIST}/{made}").text
    assert "Next page" in first
    assert first.count("<code>pi_") == 50
    cursor = first.partition("cursor=")[2].partition('"')[0].partition("&")[0]
    assert desk.get(f"{LIST}/{made}?cursor={cursor}").text.count("<code>pi_") == 10


def test_the_first_page_leads_to_the_differences_of_the_newest_reconciliation(desk: Desk) -> None:
    newest = "/desk/reconciliations/newest?open=true"
    assert "Nothing was compared yet." in desk.get(newest).text
    reconciled({"kind": "paid_without_order"})
    reconciled({"kind": "amount_differs"}, {"kind": "forgotten_authorisation", "repair": "done"})
    assert f'href="{newest}"><strong>1</strong> <span>Differences to the providers' in desk.get("/desk/").text
    page = desk.get(newest).text
    assert "amount differs" in page
    assert page.count("<code>pi_") == 1


def test_warehouse_staff_see_no_payments(staff_of: Callable[..., Desk], paid: Bought) -> None:
    made, clerk = reconciled(), staff_of("warehouse")
    paths = (f"/desk/payments/{paid.payment_id}", f"{LIST}/{made}", f"{LIST}/{made}.csv", f"{LIST}/newest")
    assert {path: clerk.get(path).status_code for path in paths} == dict.fromkeys(paths, 403)


def test_the_day_of_a_reconciliation_is_today_unless_another_is_chosen(desk: Desk) -> None:
    before, page, after = datetime.now(UTC), desk.get(LIST).text, datetime.now(UTC)
    assert any(f'value="{now.date()}"' in page for now in (before, after))
