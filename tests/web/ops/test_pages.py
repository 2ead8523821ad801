"""The console's pages: who may open them, what they show, and what they mask."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from durable.ids import first_id, new_id
from models import access
from models.core import event_log
from models.core.database import transaction
from models.core.events import IncidentOpened, IncidentResolved
from monitoring import rates
from settings import Settings, settings
from tests.api.test_statements import ran
from tests.runs import failed, started, step
from tests.web.conftest import Browser
from tests.web.ops.making import DECLINED, declined, stuck
from web.language import moment

READING = (
    "/ops/", "/ops/?part=live", "/ops/runs", "/ops/queues", "/ops/workers", "/ops/schedule", "/ops/incidents",
    "/ops/rates", "/ops/find", "/ops/audit", "/ops/audit?part=live",
)  # fmt: skip
HOSTILE = "<script>alert(1)</script>\"'>"


@pytest.fixture
def operator(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("operator", "admin")


def role(name: str, *permissions: str) -> str:
    with transaction() as session:
        session.add(access.Role(name=name))
        session.flush()
        session.add_all(access.RolePermission(role=name, permission=permission) for permission in permissions)
    return name


@pytest.mark.parametrize("path", READING)
def test_pages_are_closed_to_strangers_and_customers(
    browser: Browser, signed_in: Callable[..., Browser], path: str
) -> None:
    led = browser.get(path)
    assert (led.status_code, led.headers["Location"].partition("?")[0]) == (303, "/sign-in")
    refused = signed_in("ada").get(path)
    assert refused.status_code == 403
    assert "does not have the permission" in refused.text


@pytest.mark.parametrize("path", READING)
def test_every_page_has_a_strict_policy_landmarks_and_nothing_inline(operator: Browser, path: str) -> None:
    stuck()
    page = operator.get(path)
    assert page.status_code == 200, page.text
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert re.findall(r"\sstyle=|\son\w+=|<style|javascript:", page.text) == []
    assert re.findall(r"<script(?![^>]*src=)", page.text) == []
    if "part=" not in path:
        assert page.text.count("<h1") == 1
        assert re.search(r'<main id="content"', page.text)
    ids = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))


def test_staff_read_runs_and_change_none(signed_in: Callable[..., Browser]) -> None:
    run_id = stuck()
    staff = signed_in("mary", "staff")
    page = staff.get(f"/ops/runs/{run_id}")
    assert page.status_code == 200
    assert "/retry" not in page.text
    assert staff.get("/ops/audit").status_code == 403
    verbs = [f"{run_id}/{verb}" for verb in ("retry", "cancel", "signal", "drop", "replay")]
    for verb in (*verbs, "retry", "cancel"):
        assert staff.get(f"/ops/runs/{verb}").status_code == 403
        assert staff.send(f"/ops/runs/{verb}", {"run": run_id}).status_code == 403


def test_finance_opens_the_audit_alone(signed_in: Callable[..., Browser]) -> None:
    finance = signed_in("fred", "finance")
    page = finance.get("/ops/audit")
    assert page.status_code == 200
    assert 'href="/ops/runs"' not in page.text
    assert finance.get("/ops/").status_code == 403


def test_searching_needs_to_read_orders_too(signed_in: Callable[..., Browser]) -> None:
    watcher = signed_in("wanda", role("watcher", "runs:read"))
    assert watcher.get("/ops/find?q=100001").status_code == 403
    page = watcher.get("/ops/")
    assert page.status_code == 200
    assert 'action="/ops/find"' not in page.text


def test_the_overview_counts_and_links_to_lists(operator: Browser) -> None:
    stuck(), started(), started("clean_up", status="waiting")
    page = operator.get("/ops/").text
    assert re.search(r'href="/ops/runs\?stuck=true"><strong>1<', page)
    assert re.search(r'href="/ops/runs\?status=running"><strong>2<', page)
    assert re.search(r'href="/ops/runs\?workflow=clean_up&amp;status=waiting">1<', page)
    assert "none has ever swept" in page


def test_the_list_is_filtered_and_paged_by_its_address(operator: Browser) -> None:
    ids = [started("clean_up") for _ in range(51)]
    one, other = stuck(), declined()

    def listed(query: str) -> list[str]:
        page = operator.get(f"/ops/runs?{query}")
        assert page.status_code == 200, page.text
        return re.findall(r'class="id" href="/ops/runs/(run_\w+)"', page.text)

    assert listed("stuck=true") == [one]
    assert listed("step=payments.authorise") == [one]
    assert listed("error=payment_declined") == [other]
    assert listed("error=payment_declined&step=payments.authorise") == [other]
    assert listed("error=payment_declined&step=inventory.reserve") == []
    assert listed("older_than=3600") == []
    first = operator.get("/ops/runs?workflow=clean_up").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    rest = operator.get(following[1].replace("&amp;", "&")).text
    assert re.findall(r'class="id" href="/ops/runs/(run_\w+)"', rest) == [ids[0]]
    assert "First page" in rest


@pytest.mark.parametrize("query", ["status=x", "older_than=-1", "older_than=abc", "request_id=%00", "order=999999999",
                                   "user=nobody", "stuck=maybe"])  # fmt: skip
def test_a_filter_that_cannot_be_read_is_named(operator: Browser, query: str) -> None:
    started()
    page = operator.get(f"/ops/runs?{query}")
    assert page.status_code in (200, 422)
    assert 'role="alert"' in page.text or page.status_code == 422
    assert "/ops/runs/run_" not in page.text


def test_a_run_shows_its_picture_its_timeline_and_its_attempts(operator: Browser) -> None:
    page = operator.get(f"/ops/runs/{stuck()}").text
    assert 'aria-label="authorise payments · waits for a retry"' in page
    assert 'aria-label="reserve inventory · done"' in page
    assert 'aria-label="↩ release inventory · not needed, undo"' in page
    assert 'aria-label="confirm orders · still to come, the pivot: no way back after it"' in page
    assert page.count("ValueError: no such row") >= 6
    assert "Stuck since" in page
    assert "orders@here machine:1/42" in page
    assert "part=live" in page


def test_a_run_that_was_refused_shows_why_and_what_was_undone(operator: Browser) -> None:
    page = operator.get(f"/ops/runs/{declined()}").text
    assert "payment_declined: Your card has insufficient funds." in page
    assert 'aria-label="reserve inventory · undone"' in page
    assert 'aria-label="authorise payments · refused"' in page
    assert 'hx-trigger="every' not in page, "it has ended"


def test_the_live_part_is_a_part(operator: Browser) -> None:
    part = operator.get(f"/ops/runs/{started()}?part=live").text
    assert "<html" not in part
    assert 'hx-trigger="sse:changed, every 5s"' in part


def test_a_run_of_a_workflow_that_is_not_declared_is_shown(operator: Browser) -> None:
    run_id = started(version=99)
    assert "This release does not declare checkout, version 99" in operator.get(f"/ops/runs/{run_id}").text
    assert operator.get(f"/ops/runs/run_{'0' * 32}").status_code == 404


def test_a_run_that_retention_has_deleted_says_so_and_when(operator: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = datetime.now(UTC) - timedelta(days=settings.keep_runs_days + 1)
    old, young = f"run_{first_id(begun)[:12]}7{'0' * 3}8{'0' * 15}", new_id("run")
    with operator.application.test_request_context():
        said = moment(begun), moment(begun + timedelta(days=settings.keep_runs_days))
    for path in ("/ops/runs/{}", "/ops/runs/{}/log", "/ops/runs/{}/replay"):
        page = operator.get(path.format(old))
        assert (page.status_code, "was deleted" in page.text) == (410, True), path
        assert all(time in page.text for time in said), path
        assert operator.get(path.format(young)).status_code == 404, path
    assert "was deleted" in operator.get(f"/ops/find?q={old}").text
    assert "was deleted" not in operator.get(f"/ops/find?q={young}").text
    monkeypatch.setattr("web.ops.deleted.settings", Settings(keep_runs_days=settings.keep_runs_days + 2))
    assert operator.get(f"/ops/runs/{old}").status_code == 404


def test_what_may_be_personal_is_masked_unless_permitted(signed_in: Callable[..., Browser]) -> None:
    run_id = started(input={"reason": "I am Ada Lovelace"}, result={"email": "ada@example.org", "order_id": "ord_1"})
    step(
        run_id, "payments.authorise", "intent", request={"recipient": "ada@example.org", "address": {"line1": "1 Quay"}}
    )
    watcher = signed_in("wanda", role("watcher", "runs:read"))
    page = watcher.get(f"/ops/runs/{run_id}").text
    for personal in ("Lovelace", "ada@example.org", "1 Quay"):
        assert personal not in page
    assert "ord_1" in page
    assert "masked" in page
    assert "1 Quay" in signed_in("root", "admin").get(f"/ops/runs/{run_id}").text


def test_hostile_texts_are_escaped(operator: Browser) -> None:
    run_id = started(
        key=HOSTILE, input={"reason": HOSTILE}, error={"code": HOSTILE, "detail": HOSTILE, "step": HOSTILE},
        stuck_at=datetime.now(UTC), stuck_reason=HOSTILE, request_id="x",
    )  # fmt: skip
    step(run_id, "payments.authorise", "intent", error={"trace": HOSTILE}, worker=HOSTILE)
    failed(run_id, "payments.authorise", error={"trace": HOSTILE})
    with transaction() as session:
        event_log.emit(session, IncidentOpened(incident=f"stuck:{HOSTILE}"[:60], state="opened", detail=HOSTILE))
    pages = [f"/ops/runs/{run_id}", "/ops/runs", "/ops/", "/ops/incidents", "/ops/workers", f"/ops/runs/{run_id}/retry",
             f"/ops/find?q={HOSTILE}", f"/ops/runs?workflow={HOSTILE}", f"/ops/runs?error={HOSTILE}"]  # fmt: skip
    for path in pages:
        page = operator.get(path)
        assert page.status_code == 200, (path, page.text)
        assert "<script>alert" not in page.text, path


def test_incidents_lead_to_their_cause(operator: Browser) -> None:
    with transaction() as session:
        for name in ("stuck:checkout", "dispatchers", "audit:orders have lines"):
            event_log.emit(session, IncidentOpened(incident=name, state="opened", detail="It is wrong."))
        event_log.emit(session, IncidentResolved(incident="dispatchers", state="resolved", detail="It is over."))
    page = operator.get("/ops/incidents").text
    current, _, history = page.partition('id="history-title"')
    assert 'href="/ops/runs?workflow=checkout&amp;stuck=true"' in current
    assert 'href="/ops/audit"' in current
    assert ">dispatchers<" not in current
    assert history.count(">dispatchers<") == 2
    assert "stuck:checkout" in operator.get("/ops/").text


def test_the_page_of_an_incident_names_the_runs(operator: Browser) -> None:
    run_id, other = stuck(), started("transfer", stuck_at=datetime.now(UTC))
    with transaction() as session:
        event_log.emit(session, IncidentOpened(incident="stuck:checkout", state="opened", detail="A run is stuck."))
        event_log.emit(session, IncidentOpened(incident="audit:no money is lost", state="opened", detail="Broken."))
    page = operator.get("/ops/incidents/stuck:checkout").text
    assert f'href="/ops/runs/{run_id}"' in page
    assert other not in page
    assert 'href="/ops/audit"' in operator.get("/ops/incidents/audit:no%20money%20is%20lost").text
    with transaction() as session:
        event_log.emit(session, IncidentResolved(incident="stuck:checkout", state="resolved", detail="It is over."))
    assert "Over since" in operator.get("/ops/incidents/stuck:checkout").text
    assert operator.get("/ops/incidents/stuck:nothing").status_code == 404


def test_three_clicks_lead_from_an_alert_to_the_cause(operator: Browser) -> None:
    run_id = stuck()
    with transaction() as session:
        event_log.emit(session, IncidentOpened(incident="stuck:checkout", state="opened", detail="A run is stuck."))
    from_overview = (r'notice-alert.*?href="(/ops/runs\?[^"]+)"', rf'href="(/ops/runs/{run_id})"')
    from_mail = (rf'href="(/ops/runs/{run_id})"',)
    for begin, links in (("/ops/", from_overview), ("/ops/incidents/stuck:checkout", from_mail)):
        path = begin
        for link in links:
            found = re.search(link, operator.get(path).text, re.DOTALL)
            assert found is not None
            path = found[1].replace("&amp;", "&")
        assert "ValueError: no such row" in operator.get(path).text


def test_the_schedule_names_slots_that_were_missed(operator: Browser) -> None:
    page = operator.get("/ops/schedule").text
    for workflow in ("clean_up", "inventory_report", "reconciliation"):
        assert workflow in page
    assert "No dispatcher has ever swept" in page


def test_german_pages_are_german(operator: Browser) -> None:
    run_id = stuck()
    for path in (*READING, f"/ops/runs/{run_id}", f"/ops/runs/{run_id}/cancel"):
        page = operator.get(path, headers={"Accept-Language": "de"})
        assert page.status_code == 200
    assert "klemmt" in operator.get("/ops/", headers={"Accept-Language": "de"}).text


def test_the_number_of_statements_does_not_grow_with_the_runs(
    operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "KEPT", 1e9)  # however slow the machine is, no page reads them again

    def count(path: str) -> int:
        operator.get(path)
        with ran() as counted:
            assert operator.get(path).status_code == 200
        return counted["statements"]

    run_id = stuck()
    before = {path: count(path) for path in ("/ops/", "/ops/runs", "/ops/queues", f"/ops/runs/{run_id}")}
    for _ in range(20):
        stuck(), declined()
    assert {path: count(path) for path in before} == before
    assert before["/ops/runs"] <= 3
    assert before["/ops/"] <= 18
    assert before[f"/ops/runs/{run_id}"] <= 12


def test_a_page_of_the_api_is_not_affected(operator: Browser) -> None:
    assert operator.get("/v1/runs").status_code == 401, "a cookie is no access token"
    assert DECLINED["code"] == "payment_declined"
