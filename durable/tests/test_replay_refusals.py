"""Replays: what is refused, and from where a run can be replayed."""

from typing import Any

import pytest

import durable
from durable import Pivot, Undoable, Workflow, queries, replaying
from durable.database import transaction
from durable.tests.driving import (
    execute,
    perform,
    run_of,
    statuses,
)  # fmt: skip
from durable.tests.outside import behave, visit
from durable.tests.replays import CALL, FIRST, NOTIFY, UNDO, A, B, C, odd, performed, refused, replay
from durable.tests.workflows import external, local


def test_a_run_that_has_succeeded_must_not_be_compensated_by_a_replay() -> None:
    run_id = performed(Undoable(local("odd.held"), undo=UNDO), A, B, if_refused=[NOTIFY])
    assert run_of(run_id).status == "succeeded"
    assert refused(run_id, "odd.a") == ("not_replayable", "This run has succeeded, and a failure would now undo it.")


def test_a_run_that_has_succeeded_does_not_perform_steps_that_were_added_since() -> None:
    run_id = performed(A, C)
    Workflow("shared", A, FIRST, C)
    assert refused(run_id, "odd.c") == (
        "workflow_unknown", "This run has ended without odd.first, which this release declares for shared."
    )  # fmt: skip


def test_a_step_that_is_not_declared_replayable_is_not_performed_again() -> None:
    run_id = performed(A, FIRST, C)
    assert refused(run_id, "odd.a") == (
        "not_replayable", "odd.first must not be performed again: its effect could be repeated."
    )  # fmt: skip
    replay(run_id, "odd.c")


def test_pivots_and_steps_with_an_undo_are_not_performed_again() -> None:
    run_id = performed(A, Undoable(B, undo=UNDO), Pivot(C), external("odd.last", replayable=True), if_refused=[NOTIFY])
    assert refused(run_id, "odd.a")[1] == "odd.b must not be performed again: its effect would have to be undone first."
    assert "the point of no return" in refused(run_id, "odd.c")[1]
    replay(run_id, "odd.last")
    perform(run_id)
    assert run_of(run_id).status == "succeeded"


def test_a_call_that_may_have_been_made_is_not_repeated_with_another_request() -> None:
    behave("odd.careful", down=True, times=1)
    run_id = performed(A, external("odd.careful"), C)
    assert refused(run_id, "odd.a")[1].startswith("odd.careful must not be performed again")


def test_a_step_without_an_effect_yet_needs_no_declaration() -> None:
    def never(session: Any, run: Any) -> Any:
        raise ZeroDivisionError

    ask = odd.external_step(call=visit, record=lambda session, run, answer: answer)(never)
    run_id = performed(A, ask, C)
    assert statuses(run_id) == {"odd.a": "done", "odd.never": "intent"}
    replay(run_id, "odd.a")
    assert statuses(run_id) == {"odd.a": "intent", "odd.never": "intent"}


@pytest.mark.parametrize("name", ["odd.c", "odd.unheard", "undo:odd.a", "odd.notify", "", "odd.a[1]"])
def test_only_a_step_that_has_begun_can_be_replayed(name: str) -> None:
    behave("odd.b", fail=True)
    assert refused(performed(A, B, C, if_refused=[NOTIFY]), name)[0] == "not_replayable"


def test_a_cancelled_or_compensating_run_is_not_replayed() -> None:
    behave("odd.notify", fail=True, times=1)
    behave("odd.b", refuse=True)
    run_id = performed(Undoable(A, undo=UNDO), B, C, if_refused=[NOTIFY])
    assert (run_of(run_id).status, refused(run_id, "odd.a")[0]) == ("compensating", "run_compensating")
    execute("UPDATE workflow.step SET lease_until = NULL")
    perform(run_id)
    assert (run_of(run_id).status, refused(run_id, "odd.a")[0]) == ("cancelled", "run_over")


def test_a_run_of_an_undeclared_workflow_or_version_is_not_replayed() -> None:
    run_id = performed(A, B)
    execute("UPDATE workflow.run SET version = 0")
    assert refused(run_id, "odd.a") == ("workflow_unknown", "This release does not declare version 0 of shared.")
    execute("UPDATE workflow.run SET workflow = 'gone', version = 1")
    assert refused(run_id, "odd.a")[0] == "workflow_unknown"


def test_a_child_whose_result_was_used_is_not_replayed() -> None:
    run_id = performed(A, B)
    execute("UPDATE workflow.run SET parent = :parent", parent=durable.ids.uuid_of(durable.ids.new_id("run")))
    assert refused(run_id, "odd.a")[0] == "not_replayable"


def test_a_run_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(durable.RunNotFound):
        replay(durable.ids.new_id("run"), "odd.a")


def test_a_run_that_a_worker_holds_is_not_replayed() -> None:
    behave("odd.called_again", down=True, times=1)
    run_id = performed(A, CALL, C)
    execute("UPDATE workflow.step SET error = NULL, lease_until = now() + interval '1 min' WHERE status = 'intent'")
    assert refused(run_id, "odd.a") == (
        "run_busy", "A worker is performing odd.called_again; wait until it has ended."
    )  # fmt: skip
    execute("UPDATE workflow.step SET lease_until = now() - interval '1 s' WHERE status = 'intent'")
    replay(run_id, "odd.a")


def test_the_steps_from_which_a_run_can_be_replayed_are_listed() -> None:
    def listed(run_id: str) -> list[str]:
        with transaction() as session:
            run = queries.get_run(session, run_id)
            return replaying.list_starts(run, queries.steps_of_run(session, run_id), queries.database_now(session))

    run_id = performed(A, FIRST, B, C)
    assert listed(run_id) == ["odd.b", "odd.c"]
    execute("UPDATE workflow.run SET status = 'cancelled'")
    assert listed(run_id) == []
