"""Replays: what is performed again."""

from typing import Any

import durable
from durable import Each, Parallel, Pivot, Undoable
from durable.database import transaction
from durable.tests.driving import (
    attempts_of,
    execute,
    make_due,
    perform,
    run_of,
    statuses,
    steps_of,
    sweep,
)  # fmt: skip
from durable.tests.outside import behave, visit, visits
from durable.tests.replays import CALL, FIRST, NOTIFY, UNDO, A, B, C, counts, odd, performed, replay
from durable.tests.workflows import local


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
