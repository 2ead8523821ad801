"""The Celery canvas of the plan of a run, and its publication."""

import logging
from typing import Any

import pytest
from celery import chord, group
from celery.canvas import _chain
from sqlalchemy import event
from sqlalchemy.orm import Session

import durable
from durable import Undoable, Workflow, publishing
from durable.database import transaction
from durable.plan import FRESH, plan
from durable.tests.app import engine
from durable.tests.driving import (
    execute,
    flat,
    lose_messages,
    names,
    perform,
    progress,
    run_of,
    start,
    start_unpublished,
)
from durable.tests.workflows import TRANSFER, local

RUN = "run_" + "0" * 32
WITHDRAW, CLEAR, DEPOSIT = "bank.withdraw", "clearing.clear", "bank.deposit"
A, B = local("odd.a"), local("odd.b")


def links(signature: Any) -> list[str]:
    """Names of the steps of a chain or of a single step, in order."""
    tasks = signature.tasks if isinstance(signature, _chain) else [signature]
    return [task.args[2] for task in tasks]


def test_a_new_run_is_a_chain_up_to_the_parallel_stage() -> None:
    made = publishing.canvas(RUN, 0, plan(TRANSFER, FRESH))
    assert isinstance(made, _chain)
    assert links(made) == [WITHDRAW, CLEAR, DEPOSIT]


def test_the_parallel_stage_is_a_chord_with_the_next_step_as_its_body() -> None:
    made = publishing.canvas(RUN, 3, plan(TRANSFER, progress(done=[WITHDRAW, CLEAR, DEPOSIT])))
    assert isinstance(made, chord)
    assert [task.args[2] for task in made.tasks] == ["bank.statement", "mail.confirm"]
    assert links(made.body) == ["bank.close"]


def test_a_single_remaining_member_is_no_chord() -> None:
    left = plan(TRANSFER, progress(done=[WITHDRAW, CLEAR, DEPOSIT, "mail.confirm"]))
    assert links(publishing.canvas(RUN, 3, left)) == ["bank.statement", "bank.close"]


def test_the_last_step_is_a_signature() -> None:
    left = plan(TRANSFER, progress(done=[WITHDRAW, CLEAR, DEPOSIT, "mail.confirm", "bank.statement"]))
    made = publishing.canvas(RUN, 3, left)
    assert not isinstance(made, _chain | chord)
    assert links(made) == ["bank.close"]


def test_external_calls_at_the_end_of_a_compensation_are_a_group() -> None:
    left = plan(TRANSFER, progress("compensating", done=[WITHDRAW, CLEAR]))
    assert links(publishing.canvas(RUN, 1, left)) == ["undo:bank.withdraw", "bank.reject"]
    made = publishing.canvas(RUN, 1, left[2:])
    assert isinstance(made, group)
    assert [task.args[2] for task in made.tasks] == ["undo:clearing.clear", "mail.regret"]


@pytest.mark.parametrize("done", range(5))
@pytest.mark.parametrize("generation", [0, 7])
def test_a_message_carries_only_its_run_generation_and_step(done: int, generation: int) -> None:
    stages = names(plan(TRANSFER, FRESH))
    made = publishing.canvas(RUN, generation, plan(TRANSFER, progress(done=flat(stages[:done]))))
    for task in [*made.tasks, made.body] if isinstance(made, chord) else getattr(made, "tasks", [made]):
        name = task.args[2]
        assert task.immutable
        assert (tuple(task.args), task.kwargs) == ((RUN, generation, name), {})
        assert task.options["task_id"] == f"{RUN}:{generation}:{name}"
        assert task.options["queue"] == task.task.split(".")[0]


def test_an_undo_is_routed_to_its_own_queue() -> None:
    workflow = Workflow("elsewhere", Undoable(A, undo=local("bank.undo_a")), B, if_refused=[local("odd.told")])
    made = publishing.canvas(RUN, 1, plan(workflow, progress("compensating", done=["odd.a"])))
    assert isinstance(made, _chain)
    signature = made.tasks[0]
    assert (signature.task, signature.options["queue"], signature.args[2]) == ("bank.undo_a", "bank", "undo:odd.a")


# ---- publishing after a commit


def test_a_run_is_published_after_its_commit() -> None:
    with transaction() as session:
        durable.start(session, "transfer", "it", {"source": "a", "target": "b", "amount": 1})
        session.flush()
        assert lose_messages() == 0
    assert lose_messages() == 1


def test_nothing_is_published_after_a_rollback() -> None:
    with Session(engine()) as session:
        durable.start(session, "retried", "it", {})
        session.rollback()
        session.commit()
    assert lose_messages() == 0
    assert execute("SELECT count(*) FROM workflow.run") == 0


def test_a_failed_publication_does_not_fail_the_caller(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("a bug")

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(publishing, "canvas", fail)
        run_id = start("retried")
    assert "left to the dispatcher" in caplog.text
    assert run_of(run_id).status == "running"


def test_an_unavailable_broker_does_not_fail_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr("celery.app.base.Celery.send_task", refuse)
        patched.setattr("celery.app.task.Task.apply_async", refuse)
        run_id = start("retried")
        assert publishing.publish(run_id, 0, []) is False
    assert run_of(run_id).status == "running"


@durable.Service("odd").step
def wait_for_go(session: Any, run: Any) -> Any:
    return {} if run.consume("go") else durable.Suspend()


def test_waking_a_run_opens_no_second_connection() -> None:
    Workflow("waits", wait_for_go, A)
    run_id = start_unpublished("waits")
    perform(run_id)
    assert run_of(run_id).status == "waiting"
    taken: list[int] = []
    pool: Any = engine().pool
    with transaction() as session:
        session.connection()
        event.listen(pool, "checkout", note := lambda *_: taken.append(1))
        durable.signal(session, run_id, "go", {})
    event.remove(pool, "checkout", note)
    assert (taken, lose_messages()) == ([], 1)
    assert run_of(run_id).status == "running"
