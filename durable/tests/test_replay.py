"""Replays: what is performed again, what is refused, and what workers that began before the replay may still do."""

from typing import Any

import pytest

import durable
from durable import Each, Parallel, Pivot, Service, Undoable, Workflow, queries, replaying
from durable.database import transaction
from durable.tests.driving import (
    attempts_of,
    execute,
    make_due,
    perform,
    run_of,
    start_unpublished,
    statuses,
    steps_of,
    sweep,
)  # fmt: skip
from durable.tests.outside import behave, visit, visits
from durable.tests.workflows import external, local

odd = Service("odd")
NOTIFY, FIRST, UNDO = local("odd.notify"), local("odd.first"), local("odd.undo")
A, B, C = (local(f"odd.{name}", replayable=True) for name in ("a", "b", "c"))
CALL = external("odd.called_again", replayable=True)


def performed(*stages: Any, **options: Any) -> str:
    """Starts a run of these stages and handles one message of it."""
    Workflow("shared", *stages, **options)
    run_id = start_unpublished("shared", {"n": 1})
    perform(run_id)
    return run_id


def replay(run_id: str, name: str) -> None:
    """Replays without publishing; the test acts as the worker."""
    with transaction() as session:
        durable.replay(session, run_id, name)
        session.info.clear()


def refused(run_id: str, name: str) -> tuple[str, str]:
    before, steps = run_of(run_id), statuses(run_id)
    with pytest.raises(durable.RunConflict) as found:
        replay(run_id, name)
    after = run_of(run_id)
    assert (after.status, after.generation, after.replays, statuses(run_id)) == (
        before.status, before.generation, before.replays, steps,
    )  # fmt: skip
    return found.value.code, found.value.detail


def counts(*names: str) -> list[int]:
    return [len(visits(name)) for name in names]


# ---- what is performed again


def test_a_step_and_all_later_ones_are_performed_again() -> None:
    run_id = performed(FIRST, A, CALL, C)
    replay(run_id, "odd.a")
    assert (run_of(run_id).status, run_of(run_id).finished_at, run_of(run_id).result) == ("running", None, None)
    perform(run_id)
    assert counts("odd.first", "odd.a", "odd.called_again", "odd.c") == [1, 2, 2, 2]
    assert (run_of(run_id).status, run_of(run_id).result, run_of(run_id).replays) == ("succeeded", {"visits": 2}, 1)


def test_a_step_sees_the_new_outputs_of_earlier_ones_only() -> None:
    seen: list[Any] = []

    def look(session: Any, run: Any) -> None:
        seen.append((run.output(A), run.output(C)))

    run_id = performed(A, odd.step(replayable=True)(look), C)
    replay(run_id, "odd.a")
    perform(run_id)
    assert seen == [({"visits": 1}, None), ({"visits": 2}, None)]


def test_discarded_outputs_are_kept_and_attempts_go_on_counting() -> None:
    run_id = performed(A, B)
    for _ in range(2):
        replay(run_id, "odd.b")
        perform(run_id)
    assert [(kept.step, kept.number, kept.error["code"], kept.output) for kept in attempts_of(run_id)] == [
        ("odd.b", 1, "replayed", {"visits": 1}), ("odd.b", 2, "replayed", {"visits": 2}),
    ]  # fmt: skip
    assert (steps_of(run_id)["odd.b"].attempts, steps_of(run_id)["odd.b"].error) == (3, None)
    assert all(kept.started_at is not None and kept.worker for kept in attempts_of(run_id))


def test_a_call_is_made_again_with_a_new_request_and_the_same_key() -> None:
    says = {"amount": 1}

    def asking(session: Any, run: Any) -> dict[str, int]:
        return dict(says)

    ask = odd.external_step(
        call=lambda request, key: visit("odd.asked", key, request),
        record=lambda session, run, answer: answer,
        replayable=True,
    )(asking)
    run_id = performed(ask, C)
    says["amount"] = 2
    replay(run_id, "odd.asking")
    perform(run_id)
    assert [found.request for found in visits("odd.asked")] == [{"amount": 1}, {"amount": 2}]
    assert len({found.key for found in visits("odd.asked")}) == 1


def test_siblings_of_a_parallel_stage_stay_done() -> None:
    run_id = performed(Parallel(A, B), C)
    replay(run_id, "odd.a")
    perform(run_id)
    assert counts("odd.a", "odd.b", "odd.c") == [2, 1, 2]


def test_an_item_is_replayed_alone_or_with_all_others() -> None:
    first, item = local("odd.first"), odd.step_for_each(replayable=True)(_item)
    run_id = performed(first, Each(item, over=lambda outputs: ["x", "y"]), C)
    for name in "xy":
        perform(run_id, f"odd._item[{name}]")
    replay(run_id, "odd._item[x]")
    perform(run_id, "odd._item[x]")
    assert counts("odd.item[x]", "odd.item[y]", "odd.c") == [2, 1, 2]
    replay(run_id, "odd._item")
    for name in "xy":
        perform(run_id, f"odd._item[{name}]")
    assert counts("odd.item[x]", "odd.item[y]", "odd.c") == [3, 2, 3]
    assert run_of(run_id).status == "succeeded"


def _item(session: Any, run: Any, item: str) -> dict[str, Any]:
    return visit(f"odd.item[{item}]")


def test_items_that_are_no_longer_found_have_no_output() -> None:
    found = ["x", "y"]

    def find(session: Any, run: Any) -> dict[str, list[str]]:
        return {"items": list(found)}

    def count(session: Any, run: Any) -> dict[str, list[str]]:
        return {"of": sorted(run.outputs(item))}

    item = odd.step_for_each(replayable=True)(_item)
    find_step, count_step = (odd.step(replayable=True)(work) for work in (find, count))
    run_id = performed(find_step, Each(item, over=lambda outputs: outputs["odd.find"]["items"]), count_step)
    for name in "xy":
        perform(run_id, f"odd._item[{name}]")
    assert run_of(run_id).result == {"of": ["x", "y"]}
    found.remove("y")
    replay(run_id, "odd.find")
    perform(run_id)
    perform(run_id, "odd._item[x]")
    assert (run_of(run_id).status, run_of(run_id).result) == ("succeeded", {"of": ["x"]})


def test_a_stuck_run_is_replayed_from_before_the_step_that_fails() -> None:
    behave("odd.b", fail=True)
    run_id = performed(A, B, C, if_refused=[NOTIFY])
    execute("UPDATE workflow.run SET stuck_at = now(), stuck_reason = 'why', deadline = now(), attempts = 3")
    replay(run_id, "odd.a")
    run = run_of(run_id)
    assert (run.stuck_at, run.deadline, run.attempts) == (None, None, 0)
    behave("odd.b")
    before = counts("odd.a", "odd.b", "odd.c")
    perform(run_id)
    assert (run_of(run_id).status, counts("odd.a", "odd.b", "odd.c")) == ("succeeded", [n + 1 for n in before])


def test_a_suspended_run_is_woken() -> None:
    def wait(session: Any, run: Any) -> Any:
        return durable.Suspend() if not run.consume("go") else None

    run_id = performed(A, odd.step(wait), C)
    assert run_of(run_id).status == "waiting"
    replay(run_id, "odd.a")
    assert run_of(run_id).status == "running"
    perform(run_id)
    assert (run_of(run_id).status, counts("odd.a")) == ("waiting", [2])


def test_before_its_pivot_a_replayed_run_is_compensated_as_any_other() -> None:
    behave("odd.b", fail=True)
    run_id = performed(Undoable(local("odd.held"), undo=UNDO), A, B, Pivot(C), if_refused=[NOTIFY])
    behave("odd.b", refuse=True)
    replay(run_id, "odd.a")
    perform(run_id)
    assert (run_of(run_id).status, statuses(run_id)["undo:odd.held"]) == ("cancelled", "done")
    assert counts("odd.undo") == [1]


def test_an_output_is_kept_beside_an_attempt_from_before_a_suspension() -> None:
    """A suspended step counts as not started, so its attempts are counted from one again."""

    def patient(session: Any, run: Any) -> Any:
        made = visit("odd.patient")["visits"]
        if made <= 2:  # with the step before it, and on its own
            raise ZeroDivisionError
        return durable.Suspend() if made == 3 else {"made": made}

    run_id = performed(A, odd.step(replayable=True)(patient), C)
    for _ in range(2):
        with transaction() as session:
            durable.retry(session, run_id)
            session.info.clear()
        perform(run_id)
    assert (run_of(run_id).status, steps_of(run_id)["odd.patient"].attempts) == ("succeeded", 1)
    replay(run_id, "odd.patient")
    perform(run_id)
    kept = [(one.number, one.error["code"], one.output) for one in attempts_of(run_id) if one.step == "odd.patient"]
    assert kept == [(1, "internal_error", None), (2, "replayed", {"made": 4})]
    assert steps_of(run_id)["odd.patient"].attempts == 3


def test_what_is_discarded_is_empty_in_the_database_too() -> None:
    run_id = performed(A, CALL, C)
    replay(run_id, "odd.a")
    kept = "SELECT count(*) FROM workflow.step WHERE num_nonnulls(output, request, progress) > 0"
    assert (execute(kept), execute("SELECT count(*) FROM workflow.run WHERE result IS NOT NULL")) == (0, 0)


def test_a_replayed_run_that_waits_for_a_worker_is_not_stuck() -> None:
    run_id = performed(A, B)
    replay(run_id, "odd.a")
    execute("UPDATE workflow.run SET progress_at = now() - interval '1 day'")
    make_due(run_id)
    assert sweep() == 1
    assert run_of(run_id).stuck_at is None


# ---- what is refused


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
