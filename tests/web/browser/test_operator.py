"""An operator finds and mends runs in the console: one that is stuck, one whose card was declined, a poisoned one."""

from collections.abc import Callable
from datetime import UTC, datetime

from local.waiting import wait_until
from tests.conftest import PASSWORD
from tests.web.browser.books import fill_shelves
from tests.web.browser.buying import buy
from tests.web.browser.conftest import Visitor
from tests.web.browser.operating import newest, open_console, status_of
from tests.web.ops.making import stuck


def test_a_stuck_run_is_found_in_three_clicks_and_cancelled(
    visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("root", "admin")
    run_id = stuck(lease_until=datetime(2100, 1, 1, tzinfo=UTC), published_at=None)
    operator = open_console(visit)
    operator.page.locator('.figures a[href*="stuck"]').click()
    operator.follow(run_id)
    operator.sees("ValueError: no such row")
    operator.follow("Cancel …")
    operator.sees("undo:inventory.reserve")
    assert status_of(run_id) == "running"
    operator.follow("Cancel the run", "button")
    operator.sees("The run is being cancelled")


def test_a_declined_card_is_explained_by_a_search(
    visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    books = fill_shelves()
    sign_in("root", "admin")
    operator = open_console(visit)
    buy(operator, books["Emma"], "has no money left")
    operator.sees("Your payment was declined")
    run = newest("checkout")
    wait_until(lambda: status_of(run.id) == "cancelled", 20)
    operator.open("/ops/")
    operator.page.locator("#q").fill("root@example.org")
    operator.page.locator("#q").press("Enter")
    operator.page.wait_for_url("**/ops/find**")
    operator.check()
    operator.page.locator(f'a[href="/ops/runs/{run.id}"]').first.click()
    operator.sees("payment_declined")
    operator.check()


def test_the_audit_runs_as_a_task_and_is_followed(
    visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("root", "admin")
    operator = open_console(visit, width=320, color_scheme="dark")
    operator.follow("Audit")
    operator.follow("Run the audit now", "button")
    operator.sees("Checked at")
    for name in ("Runs", "Queues", "Workers", "Schedule", "Incidents"):
        operator.follow(name)


def test_the_console_works_without_scripts(visit: Callable[..., Visitor], sign_in: Callable[..., object]) -> None:
    sign_in("root", "admin")
    run_id = stuck(lease_until=datetime(2100, 1, 1, tzinfo=UTC), published_at=None)
    operator = visit(java_script_enabled=False)
    operator.page.goto(f"{operator.url}/sign-in?next=/ops/runs/{run_id}")
    operator.fill({"username": "root", "password": PASSWORD})
    operator.page.locator("main button").first.click()
    for name in ("Read the logs of this machine", run_id, "Send a signal …", run_id, "Retry …"):
        operator.page.get_by_role("link", name=name).first.click()
    operator.page.get_by_role("button", name="Retry the run").click()
    operator.sees("The run has been resumed.")
