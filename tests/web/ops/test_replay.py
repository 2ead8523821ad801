"""Replaying a run from a step: what is offered, what the preview shows, and what the form does."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from durable import queries
from durable.replaying import REPLAYED
from models.core.database import transaction
from tests.runs import started, state, step
from tests.web.conftest import Browser
from tests.web.ops.acting import acted, form_of
from tests.web.ops.making import declined, stuck


@pytest.fixture
def operator(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("operator", "admin")


def shipped() -> str:
    """A fulfilment that has succeeded. Its mail can be sent again."""
    run_id = started("transfer", status="succeeded", finished_at=datetime.now(UTC))
    for name in ("inventory.send_transfer", "inventory.receive_transfer"):
        step(run_id, name)
    step(run_id, "notifications.transfer_incomplete", output={"fault": "no such user"})
    step(run_id, "inventory.close_transfer", output={"status": "received"})
    return run_id


def test_a_run_that_has_succeeded_is_replayed_once(operator: Browser) -> None:
    run_id = shipped()
    assert f'href="/ops/runs/{run_id}/replay"' in operator.get(f"/ops/runs/{run_id}").text
    page = operator.get(f"/ops/runs/{run_id}/replay")
    assert "<option selected>notifications.transfer_incomplete</option>" in page.text
    assert "inventory.receive_transfer" not in page.text
    assert page.text.count("sends its mail again: the recipient gets it a second time") == 1
    assert (state(run_id).status, state(run_id).replays) == ("succeeded", 0), "the preview has changed nothing"
    form = {**form_of(page), "step": "notifications.transfer_incomplete"}
    for _ in range(2):
        answer = operator.post(f"/ops/runs/{run_id}/replay", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/ops/runs/{run_id}?done=replay")
    assert (state(run_id).status, state(run_id).replays) == ("running", 1)
    assert acted() == [(run_id, "runs:write")]
    shown = operator.get(f"/ops/runs/{run_id}?done=replay").text
    assert "The run has gone back" in shown
    assert "notifications.transfer_incomplete (before the replay, attempt 1)" in shown


def test_another_step_is_chosen_and_only_that_is_repeated(operator: Browser) -> None:
    run_id = shipped()
    page = operator.get(f"/ops/runs/{run_id}/replay?step=inventory.close_transfer")
    assert "<option selected>inventory.close_transfer</option>" in page.text
    assert "sends its mail again" not in page.text
    form = {**form_of(page), "step": "inventory.close_transfer"}
    assert operator.post(f"/ops/runs/{run_id}/replay", data=form).status_code == 303
    with transaction() as session:
        again = [one.name for one in queries.steps_of_run(session, run_id) if one.status == "intent"]
    assert again == ["inventory.close_transfer"]


@pytest.mark.parametrize("wrong", ["inventory.receive_transfer", "nothing", "", "<script>"])
def test_a_step_that_must_not_be_repeated_is_refused(operator: Browser, wrong: str) -> None:
    run_id = shipped()
    page = operator.get(f"/ops/runs/{run_id}/replay")
    answer = operator.post(f"/ops/runs/{run_id}/replay", data={**form_of(page), "step": wrong})
    assert answer.status_code == 409
    assert "Nothing: it is refused." in answer.text
    assert "<script>" not in answer.text.partition("<main")[2]
    assert (state(run_id).status, state(run_id).replays) == ("succeeded", 0)


def test_runs_without_such_a_step_offer_none(operator: Browser) -> None:
    for run_id in (stuck(), declined()):
        assert "/replay" not in operator.get(f"/ops/runs/{run_id}").text
        page = operator.get(f"/ops/runs/{run_id}/replay")
        assert "No step of this run may be performed again." in page.text
        assert "button-danger" not in page.text.partition("<main")[2]


def test_who_may_only_look_is_offered_none(signed_in: Callable[..., Browser]) -> None:
    run_id = shipped()
    visitor = signed_in("visitor", "staff")
    assert "/replay" not in visitor.get(f"/ops/runs/{run_id}").text
    assert visitor.get(f"/ops/runs/{run_id}/replay").status_code == 403


def test_an_item_that_is_named_is_replayed_alone_and_the_preview_says_so(operator: Browser) -> None:
    run_id = started("inventory_report", status="succeeded", finished_at=datetime.now(UTC))
    step(run_id, "reports.slice_report", output={"slices": [0, 1]})
    for name in ("reports.part[0]", "reports.part[1]", "reports.write", "reports.mail_subscribers"):
        step(run_id, name)
    page = operator.get(f"/ops/runs/{run_id}/replay?step=reports.part[1]")
    assert "<option selected>reports.part[1]</option>" in page.text
    performed, _, rest = page.text.partition("Performed again")[2].partition("Steps from then on")
    for text in (performed, rest):
        assert "<code>reports.part[1]</code>" in text
        assert "<code>reports.write</code>" in text
        assert "reports.part[0]" not in text.partition("</main>")[0].partition("<form")[0]
    form = {**form_of(page), "step": "reports.part[1]"}
    assert operator.post(f"/ops/runs/{run_id}/replay", data=form).status_code == 303
    with transaction() as session:
        again = {one.name for one in queries.steps_of_run(session, run_id) if one.status == "intent"}
    assert again == {"reports.part[1]", "reports.write", "reports.mail_subscribers"}


def test_why_nothing_would_happen_is_said_in_the_language_of_the_page(operator: Browser) -> None:
    page = operator.get(f"/ops/runs/{declined()}/retry", headers={"Accept-Language": "de"}).text
    assert "Der Lauf ist beendet." in page
    assert "cannot be retried" not in page


def test_an_item_that_the_replay_has_not_found_does_not_wait(operator: Browser) -> None:
    run_id = started("inventory_report", status="succeeded", finished_at=datetime.now(UTC))
    for name in ("reports.slice_report", "reports.part[0]", "reports.write", "reports.mail_subscribers"):
        step(run_id, name)
    step(run_id, "reports.part[1]", "intent", error=REPLAYED)
    page = operator.get(f"/ops/runs/{run_id}").text
    assert "waits for a retry" not in page
    assert 'aria-label="part reports · not finished' in page
    assert page.count('">not finished</span>') == 1, "in the timeline"


def test_of_two_operators_only_the_first_replays(operator: Browser, signed_in: Callable[..., Browser]) -> None:
    run_id, other = shipped(), signed_in("other", "admin")
    address = f"/ops/runs/{run_id}/replay"
    step_of = {"step": "notifications.transfer_incomplete"}
    both = [{**form_of(who.get(address)), **step_of} for who in (operator, other)]
    assert operator.post(address, data=both[0]).status_code == 303
    answer = other.post(address, data=both[1])
    assert (answer.status_code, "This was changed since you opened the page." in answer.text) == (422, True)
    assert state(run_id).replays == 1
