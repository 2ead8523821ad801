"""`shop audit --act`: differences with the gateway are repaired after a question."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from durable import queries
from durable.ids import new_id
from models import payments
from models.core import event_log
from models.core.database import transaction
from settings import Settings
from tasks.gateways.payments import PROVIDERS
from tasks.gateways.payments.provider import AuthorisationRequest
from tasks.gateways.payments.stripe import Stripe
from tests.servers import Server
from tests.shopping import make_customer, make_product, place_order


@pytest.fixture(autouse=True)
def _gateway(
    database: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("gateway")
    server = Server("sandbox.gateway", folder, "--webhook-url", "http://127.0.0.1:9/")  # the discard port
    monkeypatch.setitem(PROVIDERS, "stripe", Stripe(Settings(gateway_port=server.ports["http"], gateway_timeout=5)))
    yield
    server.stop()


def audit(answers: str) -> Result:
    return CliRunner().invoke(main, ["audit", "--act"], input=answers)


def hold(order_id: str | None = None, payment_id: str | None = None) -> str:
    """Authorises a payment at the gateway; returns its reference."""
    asked = AuthorisationRequest(
        order_id or new_id("ord"), payment_id or new_id("pay"), 500, "EUR", "pm_card_visa", datetime.now(UTC)
    )
    return PROVIDERS["stripe"].authorise(asked, new_id("key")).reference


def state(reference: str) -> tuple[str, int]:
    made = PROVIDERS["stripe"].look_up(reference)
    assert made is not None
    return made.state, made.refunded


def test_money_without_an_order_is_voided_or_refunded_after_a_yes() -> None:
    held, taken = sorted((hold(), hold()))
    PROVIDERS["stripe"].capture(reference=taken, amount=500, idempotency_key=new_id("key"))
    declined = audit("n\nn\n")
    assert (declined.exit_code, state(held), state(taken)) == (1, ("authorised", 0), ("captured", 0))
    done = audit("y\ny\n")
    assert f"Void 5.00 of {held} (EUR, order ord_" in done.output
    assert f"Refund 5.00 of {taken} (EUR, order ord_" in done.output
    assert (state(held), state(taken)) == (("voided", 0), ("captured", 500))
    with transaction() as session:
        acted = session.scalars(event_log.select_events(kind="operator").order_by(event_log.Event.id)).all()
    assert [event.subject for event in acted] == [held, taken]
    assert audit("").exit_code == 0


def test_a_payment_that_differs_is_adopted_by_a_run() -> None:
    with transaction() as session:
        placed = place_order(session, make_customer("ada"), {make_product("TEA", 1): 1})
        payment_id = payments.find_first_payment(session, placed.id)
        run = queries.get_run(session, str(placed.run_id))
        run.status, run.finished_at = "failed", datetime.now(UTC)
        session.info.clear()  # not to be published
    reference = hold(placed.id, payment_id)  # another amount than the order's
    with transaction() as session:
        payments.record_authorisation(session, payment_id, reference)
    done = audit("n\ny\n")
    assert f"Void 5.00 of {reference} (EUR, order {placed.id})? [y/N]: n" in done.output
    question = f"Adopt what the gateway says of the refunds and disputes of {payment_id} (order {placed.id})?"
    assert question in done.output
    assert f"{payment_id} is being compared with the gateway (run_" in done.output
    assert state(reference) == ("authorised", 0)


def test_nothing_to_repair_is_said() -> None:
    done = audit("")
    assert (done.exit_code, "There is nothing that this command can repair." in done.output) == (0, True)
    assert CliRunner().invoke(main, ["audit", "--act", "--json"]).exit_code == 2
