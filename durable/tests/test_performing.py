"""Handling of one message: shared transactions, errors, refusals and external calls."""

from typing import Any

import pytest
from sqlalchemy import text

import durable
from durable import Each, Parallel, Pivot, Refusal, Service, Step, Undoable, Workflow
from durable.tests.driving import (
    attempts_of,
    execute,
    lose_messages,
    perform,
    run_of,
    start_unpublished,
    statuses,
    steps_of,
)  # fmt: skip
from durable.tests.outside import behave, visits
from durable.tests.workflows import external, local

odd = Service("odd")
A, B, C, NOTIFY = (local(f"odd.{name}") for name in ("a", "b", "c", "notify"))


def made(name: str, work: Any, **options: Any) -> Step:
    work.__name__ = name
    return odd.step(**options)(work)


def fail(session: Any, run: Any) -> None:
    raise ZeroDivisionError


def refuse(session: Any, run: Any) -> None:
    raise Refusal("No.", code="no")


def performed(*stages: Any, **options: Any) -> str:
    """Starts a run of these stages and handles one message of it."""
    Workflow("shared", *stages, **options)
    run_id = start_unpublished("shared")
    perform(run_id)
    return run_id


def writers() -> dict[str, str]:
    """Step → the transaction that wrote its record."""
    with durable.database.transaction() as session:
        return dict(session.execute(text("SELECT name, xmin::text FROM workflow.step")).all())


# ---- errors


def test_an_exception_is_recorded_at_its_own_step() -> None:
    run_id = performed(A, B, made("fail", fail))
    assert statuses(run_id) == {"odd.a": "done", "odd.b": "done", "odd.fail": "intent"}
    assert "ZeroDivisionError" in (steps_of(run_id)["odd.fail"].error or {})["trace"]
    assert run_of(run_id).attempts == 1


def test_an_unserialisable_output_fails_only_its_own_step() -> None:
    run_id = performed(A, B, made("unwritable", lambda session, run: {"output": object()}))
    assert statuses(run_id) == {"odd.a": "done", "odd.b": "done", "odd.unwritable": "intent"}
    assert "not JSON serializable" in (steps_of(run_id)["odd.unwritable"].error or {})["trace"]


def test_a_failed_step_is_rolled_back() -> None:
    def half(session: Any, run: Any) -> None:
        session.execute(text("INSERT INTO bank.account VALUES ('half', 1)"))
        raise ZeroDivisionError

    performed(A, made("half", half))
    assert execute("SELECT count(*) FROM bank.account") == 0


def test_a_refusal_compensates_the_run_and_keeps_its_records() -> None:
    run_id = performed(Undoable(A, undo=B), made("refuse", refuse), C, if_refused=[NOTIFY])
    assert statuses(run_id) == {"odd.a": "done", "odd.refuse": "refused", "undo:odd.a": "done", "odd.notify": "done"}
    run = run_of(run_id)
    assert (run.status, (run.error or {})["step"], run.generation) == ("cancelled", "odd.refuse", 1)


def test_a_refused_run_without_if_refused_is_retried() -> None:
    run_id = performed(A, made("refuse_alone", refuse), C)
    assert statuses(run_id) == {"odd.a": "done", "odd.refuse_alone": "intent"}
    assert (run_of(run_id).status, run_of(run_id).attempts) == ("running", 1)


def test_a_refused_run_past_its_pivot_is_retried() -> None:
    run_id = performed(Pivot(A), made("refuse_late", refuse), C, if_refused=[NOTIFY])
    assert statuses(run_id) == {"odd.a": "done", "odd.refuse_late": "intent"}
    assert run_of(run_id).status == "running"


def test_a_final_exception_counts_as_a_refusal() -> None:
    run_id = performed(A, made("final", fail, final=[ZeroDivisionError]), B, if_refused=[NOTIFY])
    assert (run_of(run_id).status, (run_of(run_id).error or {})["code"]) == ("cancelled", "step_failed")
    assert attempts_of(run_id) == []


def test_a_begun_external_pivot_is_not_compensated_unless_it_is_refused() -> None:
    behave("odd.pivot_outside", down=True, times=1)
    run_id = performed(Undoable(A, undo=B), Pivot(external("odd.pivot_outside")), C, if_refused=[NOTIFY])
    with pytest.raises(durable.RunConflict) as found, durable.database.transaction() as session:
        durable.cancel(session, run_id)
    assert found.value.code == "past_pivot"
    behave("odd.pivot_outside", refuse=True)
    execute("UPDATE workflow.step SET lease_until = NULL")
    perform(run_id)
    assert run_of(run_id).status == "cancelled"
    assert statuses(run_id)["undo:odd.a"] == "done"


def test_a_run_past_its_pivot_can_be_cancelled_if_its_workflow_allows_that() -> None:
    run_id = performed(Pivot(A), made("fail_later", fail), B, if_refused=[NOTIFY], cancel_past_pivot=True)
    with durable.database.transaction() as session:
        durable.cancel(session, run_id)
    perform(run_id)
    assert (run_of(run_id).status, (run_of(run_id).error or {})["code"]) == ("cancelled", "cancelled_by_operator")
    assert (statuses(run_id)["odd.a"], statuses(run_id)["odd.notify"]) == ("done", "done")


def test_a_dropped_item_is_told_so_and_the_others_are_not() -> None:
    def ticket(session: Any, run: Any, item: str) -> dict[str, bool]:
        return {"dropped": run.is_dropped(step, item)}

    step = odd.step_for_each(droppable=True)(ticket)
    run_id = performed(A, Each(step, over=lambda outputs: ["1", "2"]), B)
    for name in ("odd.ticket[2]", "odd.ticket[3]", "odd.b"):
        if name == "odd.ticket[2]":
            with durable.database.transaction() as session:
                durable.drop(session, run_id, name)
            continue
        with pytest.raises(durable.RunConflict) as refused, durable.database.transaction() as session:
            durable.drop(session, run_id, name)
        assert refused.value.code == "not_droppable"
    for item in ("1", "2"):
        perform(run_id, f"odd.ticket[{item}]")
    assert {name: step.output for name, step in steps_of(run_id).items() if "ticket" in name} == {
        "odd.ticket[1]": {"dropped": False}, "odd.ticket[2]": {"dropped": True},
    }  # fmt: skip


def test_progress_that_is_reported_at_once_is_known_to_the_next_attempt() -> None:
    def ticket(session: Any, run: Any, item: str) -> dict[str, Any]:
        before = durable.queries.progress_of_step(session, run.id, "odd.noting[1]")
        durable.heartbeat({"at": 7}, at_once=True)
        if not before:
            raise ZeroDivisionError
        return before

    ticket.__name__ = "noting"
    run_id = performed(A, Each(odd.step_for_each(ticket), over=lambda outputs: ["1"]), B)
    perform(run_id, "odd.noting[1]")
    assert [attempt.step for attempt in attempts_of(run_id)] == ["odd.noting[1]"]
    execute("UPDATE workflow.step SET lease_until = NULL")
    perform(run_id, "odd.noting[1]")
    assert steps_of(run_id)["odd.noting[1]"].output == {"at": 7}


def test_a_step_added_before_a_completed_pivot_does_not_allow_compensation() -> None:
    run_id = performed(Undoable(A, undo=B), Pivot(C), made("fail_late", fail), if_refused=[NOTIFY])
    added = made("added", refuse)
    Workflow("shared", Undoable(A, undo=B), added, Pivot(C), made("fail_late", fail), if_refused=[NOTIFY])
    with pytest.raises(durable.RunConflict), durable.database.transaction() as session:
        durable.cancel(session, run_id)
    execute("UPDATE workflow.step SET lease_until = NULL")
    perform(run_id)
    assert (run_of(run_id).status, statuses(run_id)["odd.added"]) == ("running", "intent")


# ---- transactions


def test_steps_share_a_transaction() -> None:
    performed(A, B, C)
    assert len(set(writers().values())) == 1


def test_a_redelivered_message_commits_each_step_separately() -> None:
    Workflow("shared", A, B, C)
    perform(start_unpublished("shared"), redelivered=True)
    assert len(set(writers().values())) == 3


def test_a_republished_run_commits_each_step_separately() -> None:
    Workflow("shared", A, B, C)
    run_id = start_unpublished("shared")
    execute("UPDATE workflow.run SET publications = 1")
    perform(run_id)
    assert len({writers()[name] for name in ("odd.a", "odd.b")}) == 2


def test_a_step_that_commits_at_once_shares_its_transaction_only_with_a_call() -> None:
    hot = made("hot", lambda session, run: None, commits_at_once=True)
    hot_too = made("hot_too", lambda session, run: None, commits_at_once=True)
    seen: list[dict[str, str]] = []
    tell = odd.external_step(
        call=lambda request, key: seen.append(writers()), record=lambda session, run, answer: None
    )(lambda_named("telling"))
    run_id = performed(A, hot, tell, hot_too, B)
    assert set(seen[0]) == {"odd.a", "odd.hot", "odd.telling"}
    assert len(set(seen[0].values())) == 1
    written = writers()
    assert written["odd.telling"] == written["odd.hot_too"] != written["odd.b"]
    assert run_of(run_id).status == "succeeded"


def lambda_named(name: str) -> Any:
    def work(session: Any, run: Any) -> dict[str, str]:
        return {"to": "somebody"}

    work.__name__ = name
    return work


def test_each_item_has_its_own_message() -> None:
    def item_work(session: Any, run: Any, item: str) -> None: ...

    found = made("found", lambda session, run: {"items": ["x", "y", "z"]})
    each = odd.step_for_each(item_work)
    run_id = performed(found, Each(each, over=lambda outputs: outputs["odd.found"]["items"]), A)
    assert (statuses(run_id), lose_messages()) == ({"odd.found": "done"}, 3)
    for item in "xyz":
        perform(run_id, f"odd.item_work[{item}]")
    assert run_of(run_id).status == "succeeded"


# ---- external calls


def test_every_attempt_of_a_call_sends_the_same_request_and_key() -> None:
    says = {"amount": 1}
    ask = odd.external_step(
        call=lambda request, key: ask_outside(request, key), record=lambda session, run, answer: answer
    )(_asking(says))
    behave("odd.asked", down=True, times=1)
    run_id = performed(ask, A)
    says["amount"] = 2  # a new release changes the request of the step
    execute("UPDATE workflow.step SET lease_until = NULL")
    perform(run_id)
    assert [visit.request for visit in visits("odd.asked")] == [{"amount": 1}, {"amount": 1}]
    assert len({visit.key for visit in visits("odd.asked")}) == 1
    assert run_of(run_id).status == "succeeded"


def ask_outside(request: Any, key: str) -> Any:
    from durable.tests.outside import visit

    return visit("odd.asked", key, request)


def _asking(says: dict[str, int]) -> Any:
    def work(session: Any, run: Any) -> dict[str, int]:
        return dict(says)

    work.__name__ = "asking"
    return work


def test_an_external_step_without_a_request_makes_no_call() -> None:
    def nothing(session: Any, run: Any) -> None: ...

    ask = odd.external_step(call=lambda request, key: 1 / 0, record=lambda session, run, answer: answer)(nothing)
    run_id = performed(ask, A)
    assert (run_of(run_id).status, steps_of(run_id)["odd.nothing"].output) == ("succeeded", None)


def test_a_call_with_an_unknown_outcome_is_undone() -> None:
    behave("odd.maybe", down=True, times=1)
    run_id = performed(Undoable(external("odd.maybe"), undo=B), C, if_refused=[NOTIFY])
    with durable.database.transaction() as session:
        durable.cancel(session, run_id)
    perform(run_id)
    assert (run_of(run_id).status, statuses(run_id)["undo:odd.maybe"]) == ("cancelled", "done")


# ---- parallel stages


def test_local_members_do_not_wait_for_an_unavailable_service() -> None:
    behave("mail.hang", down=True)
    run_id = performed(Parallel(external("mail.hang"), A, B), C)
    found = [visit.name for visit in visits()]
    assert sorted(found[:2]) == ["odd.a", "odd.b"]
    assert statuses(run_id) == {"odd.a": "done", "odd.b": "done", "mail.hang": "intent"}


def test_local_undos_do_not_wait_for_an_unavailable_service() -> None:
    behave("mail.undo_it", down=True)
    behave("mail.sorry", down=True)
    run_id = performed(
        Undoable(A, undo=B), Undoable(external("mail.did_it"), undo=external("mail.undo_it")),
        made("refuse_both", refuse), C, if_refused=[external("mail.sorry"), NOTIFY],
    )  # fmt: skip
    found = statuses(run_id)
    assert (found["undo:odd.a"], found["odd.notify"]) == ("done", "done")
    assert not visits("mail.undo_it") + visits("mail.sorry")  # two calls, a message for each
    assert lose_messages() == 2
    for name in ("undo:mail.did_it", "mail.sorry"):
        perform(run_id, name)
    assert [statuses(run_id)[name] for name in ("undo:mail.did_it", "mail.sorry")] == ["intent", "intent"]
    assert run_of(run_id).status == "compensating"


def test_a_failed_member_neither_stops_its_siblings_nor_raises_the_generation() -> None:
    run_id = performed(Parallel(made("fail_beside", fail), A, external("mail.beside")), B)
    assert statuses(run_id) == {"odd.fail_beside": "intent", "odd.a": "done", "mail.beside": "done"}
    assert run_of(run_id).generation == 0
