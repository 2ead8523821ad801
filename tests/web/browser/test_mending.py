"""An operator finds and mends runs of real workers in the console: a stuck, a poisoned and a declined one."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest
from sqlalchemy import text

from local.waiting import wait_until
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.ports import reserved_port
from tests.serving import serving
from tests.shop import Shop
from tests.web.browser.books import fill_shelves
from tests.web.browser.buying import buy
from tests.web.browser.conftest import Visitor
from tests.web.browser.operating import newest, open_console, status_of

POISON = """
    CREATE FUNCTION carts.poison() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the cause of the failures'; END $$;
    CREATE TRIGGER poison BEFORE UPDATE OR DELETE ON carts.item FOR EACH ROW EXECUTE FUNCTION carts.poison()
"""
ANTIDOTE = "DROP FUNCTION IF EXISTS carts.poison CASCADE"


@pytest.fixture
def running(tmp_path: Path, database: None) -> Iterator[Shop]:
    """The processes of a shop that gives up early, and tells its operators at once."""
    with ExitStack() as exits:
        port = exits.enter_context(reserved_port())
        early = {"SHOP_ATTEMPTS": "2", "SHOP_ALERT_INTERVAL": "1", "SHOP_PUBLIC_URL": f"http://127.0.0.1:{port}"}
        shop = Shop(tmp_path, exits, api_port=port)
        shop.environment |= early
        shop.worker(concurrency=2)
        shop.dispatcher()
        shop.start("relay", shop.environment, "shop", "relay")
        yield shop


@pytest.fixture
def site(running: Shop) -> Iterator[str]:
    settings = {name: value for name, value in running.environment.items() if name.startswith("SHOP_")}
    port = settings["SHOP_PUBLIC_URL"].rpartition(":")[2]
    with serving(running.var, **{**settings, "SHOP_API_PORT": port}) as url:
        yield url


@pytest.fixture
def poisoned(database: None) -> Iterator[Callable[[], None]]:
    """No cart can be changed until the returned function is called."""

    def cure() -> None:
        with transaction() as session:
            session.execute(text(ANTIDOTE))

    with transaction() as session:
        session.execute(text(POISON))
    yield cure
    cure()


def leave_it_to_the_operator(shop: Shop) -> None:
    """Stops the dispatcher, which would try the run again by itself once its cause is removed."""
    dispatcher = next(one for one in shop.processes if "dispatcher" in one.arguments)
    dispatcher.stop()
    shop.processes.remove(dispatcher)


def stuck_run() -> str:
    """The newest checkout, once it is stuck."""
    assert wait_until(lambda: newest("checkout").stuck_at is not None, 60)
    return newest("checkout").id


def link_in_alert(shop: Shop) -> str:
    """The address in the mail to the operators."""

    def alerts() -> list[str]:
        return [mail["id"] for mail in shop.mails() if mail["subject"] == "Alert: stuck:checkout"]

    assert wait_until(lambda: len(alerts()) == 1, 60)
    [path] = shop.var.rglob(f"*-{alerts()[0]}.eml")
    mail = BytesParser(EmailMessage, policy=policy.default).parsebytes(path.read_bytes())
    body = mail.get_body(("plain",))
    assert body is not None
    [url] = re.findall(r"https?://\S+", body.get_content())
    return str(url)


def test_the_mail_of_a_stuck_run_leads_to_its_cause_in_three_clicks(
    running: Shop, visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    """Its step kills each worker."""
    books = fill_shelves()
    sign_in("root", "admin")
    running.armed.write_text("before-commit@carts.remove_ordered always")
    buy(open_console(visit), books["Emma"], "works")
    run_id = stuck_run()
    operator = visit()
    operator.page.goto(link_in_alert(running))  # the first click
    operator.fill({"username": "root", "password": PASSWORD})
    operator.page.locator("main button").first.click()
    operator.page.wait_for_url("**/ops/incidents/stuck:checkout")
    operator.check()
    # A sibling that ends meanwhile is progress: then the run is not stuck until it has failed again.
    link = operator.page.get_by_role("link", name=run_id, exact=True)
    assert wait_until(lambda: operator.page.reload() is not None and link.count() > 0, 60)
    operator.follow(run_id)  # the second
    operator.sees("worker_lost")
    operator.sees("carts.remove_ordered")
    leave_it_to_the_operator(running)
    running.armed.unlink()  # the cause
    operator.follow("Retry …")
    operator.follow("Retry the run", "button")
    operator.page.locator(".summary-line").get_by_text("succeeded").wait_for()  # it is told, without a reload
    running.dispatcher()
    operator.check()
    assert status_of(run_id) == "succeeded"
    operator.open("/ops/incidents/stuck:checkout")
    assert wait_until(lambda: operator.page.reload() is not None and "Over since" in operator.page.content(), 30)


def test_a_poisoned_run_is_mended_once_its_cause_is_removed(
    poisoned: Callable[[], None], running: Shop, visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    books = fill_shelves()
    sign_in("root", "admin")
    operator = open_console(visit)
    buy(operator, books["Emma"], "works")
    run_id = stuck_run()
    operator.open("/ops/")
    operator.page.locator('.figures a[href*="stuck"]').click()
    operator.follow(run_id)
    operator.sees("the cause of the failures")
    leave_it_to_the_operator(running)
    operator.follow("Retry …")
    operator.follow("Retry the run", "button")
    operator.sees("The run has been resumed.")
    assert wait_until(lambda: newest("checkout").attempts > 0, 30), "it fails again: the cause is still there"
    assert status_of(run_id) == "running"
    poisoned()
    operator.open(f"/ops/runs/{run_id}/retry")
    operator.page.get_by_role("button", name="Retry the run").click()
    operator.page.locator(".summary-line").get_by_text("succeeded").wait_for()
    operator.check()
    assert status_of(run_id) == "succeeded"


def test_a_declined_card_is_found_and_another_one_pays(
    visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    books = fill_shelves()
    sign_in("root", "admin")
    operator = open_console(visit)
    order = buy(operator, books["Emma"], "has no money left")
    operator.sees("Your payment was declined")
    run = newest("checkout")
    assert wait_until(lambda: status_of(run.id) == "cancelled", 30)
    operator.open("/ops/runs?error=payment_declined")
    operator.follow(run.id)
    operator.sees("payment_declined")
    operator.follow("Order in the desk")
    assert operator.page.url.endswith(f"/desk{order}")
    buy(operator, books["Emma"], "works")  # the basket still has it
    operator.sees("Your order is confirmed")
    again = newest("checkout").id
    assert again != run.id
    operator.open(f"/ops/runs/{again}")
    operator.page.locator(".summary-line").get_by_text("succeeded").wait_for()


def test_a_mail_is_sent_again_by_a_replay(
    running: Shop, visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    books = fill_shelves()
    sign_in("root", "admin")
    operator = open_console(visit, width=320)
    buy(operator, books["Emma"], "works")
    operator.sees("Your order is confirmed")
    run_id = newest("checkout").id
    assert wait_until(lambda: status_of(run_id) == "succeeded", 30)
    operator.open(f"/ops/runs/{run_id}")
    operator.follow("Replay from a step …")
    operator.page.get_by_label("From this step on").select_option("notifications.order_confirmed")
    operator.follow("Show what would happen", "button")
    operator.sees("the recipient gets it a second time")
    operator.follow("Replay from a step", "button")
    operator.sees("The run has gone back")
    operator.page.locator(".summary-line").get_by_text("succeeded").wait_for()
    operator.check()
    confirmed = [mail for mail in running.mails() if "confirmed" in mail["subject"].lower()]
    assert [mail["deliveries"] for mail in confirmed] == [2]
