"""Parent runs that wait for child runs."""

import threading
from collections.abc import Callable
from typing import Any

import durable
from durable import Service, Suspend, Workflow
from durable.database import transaction
from durable.tests.driving import ended, execute, perform, run_of, start, start_unpublished, statuses, wait_until
from durable.tests.outside import visit, visits
from durable.tests.workflows import local

odd = Service("odd")
CHILD = local("odd.child")


@odd.step
def ask_child(session: Any, run: Any) -> Any:
    """Waits for its child and returns how it ended."""
    visit("odd.ask_child")
    child = durable.start_child(session, run, "child", "only", {"of": run.key}, deadline=60.0)
    return {"status": child.status, "result": child.result, "error": child.error} if child.ended else Suspend()


def parent_and_child() -> tuple[str, str]:
    """A parent suspended on its child, and the child."""
    Workflow("child", CHILD)
    Workflow("parent", ask_child, local("odd.after_child"))
    parent = start_unpublished("parent")
    perform(parent)
    return parent, f"run_{execute('SELECT id FROM workflow.run WHERE parent IS NOT NULL').hex}"


def test_a_parent_waits_for_its_child_and_gets_its_result() -> None:
    parent, child = parent_and_child()
    record = run_of(child)
    assert (record.parent, record.key, record.patience) == (parent, f"{parent}/only", 60.0)
    assert (run_of(parent).status, statuses(parent)) == ("waiting", {})
    perform(child)
    assert run_of(parent).status == "running"
    perform(parent)
    assert run_of(parent).status == "succeeded"
    assert output(parent) == {"status": "succeeded", "result": {"visits": 1}, "error": None}
    assert execute("SELECT count(*) FROM workflow.run") == 2


def output(parent: str) -> Any:
    return execute("SELECT output FROM workflow.step WHERE run_id = :id AND name = 'odd.ask_child'",
                   id=durable.ids.uuid_of(parent))  # fmt: skip


def test_a_parent_receives_the_error_of_a_cancelled_child() -> None:
    parent, child = parent_and_child()
    with transaction() as session:
        durable.cancel(session, child)
    perform(child)
    perform(parent)
    found = output(parent)
    assert (found["status"], found["error"]["code"]) == ("cancelled", "cancelled_by_operator")


def test_a_parent_sees_a_child_that_ended_before_it_suspends() -> None:
    """The child commits with its parent's transaction, so only a second attempt can find it ended."""
    Workflow("child", CHILD)
    Workflow("parent", ask_child, local("odd.after_child"))
    parent = start_unpublished("parent")
    with transaction() as session:
        child = durable.start(session, "child", f"{parent}/only", {}, parent=parent)
        session.info.clear()
    perform(child)
    assert (run_of(child).status, run_of(parent).status) == ("succeeded", "running")
    perform(parent)
    assert (run_of(parent).status, len(visits("odd.ask_child"))) == ("succeeded", 1)


def test_a_child_that_ends_while_its_parent_suspends_wakes_it() -> None:
    threads: list[threading.Thread] = []

    def ask_slowly(session: Any, run: Any) -> Any:
        child = durable.start_child(session, run, "child", "only", {})
        if child.ended or not run.consume("go"):
            return {"status": child.status} if child.ended else Suspend()
        threads.append(threading.Thread(target=perform, args=(child.run_id,)))
        threads[0].start()  # it cannot end before this transaction commits
        wait_until(lambda: execute("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1)
        return Suspend()

    Workflow("child", CHILD)
    Workflow("parent", odd.step(ask_slowly), local("odd.after_child"))
    parent = start_unpublished("parent")
    perform(parent)
    with transaction() as session:
        durable.signal(session, parent, "go", {})
    perform(parent)
    threads[0].join()
    assert run_of(parent).status == "running"
    perform(parent)
    assert run_of(parent).status == "succeeded"


def test_the_end_of_a_child_does_not_wake_a_running_parent() -> None:
    parent, child = parent_and_child()
    with transaction() as session:
        durable.signal(session, parent, "something", {})
    generation = run_of(parent).generation
    perform(child)
    assert run_of(parent).generation == generation


def test_a_long_step_cannot_wait_for_a_child() -> None:
    def long_ask(session: Any, run: Any) -> Any:
        return durable.start_child(session, run, "child", "only", {}).result

    Workflow("child", CHILD)
    Workflow("parent", odd.step(long=True)(long_ask), local("odd.after_child"))
    parent = start_unpublished("parent")
    perform(parent)
    assert "cannot wait for a child" in execute("SELECT error ->> 'trace' FROM workflow.step")
    assert execute("SELECT count(*) FROM workflow.run") == 1


def test_workers_perform_parent_and_child(work: Callable[..., Any]) -> None:
    work(concurrency=2)
    run = ended(start("journey"))
    assert run.status == "succeeded"
    assert execute("SELECT output FROM workflow.step WHERE name = 'odd.travel'") == {"trip": {"tickets": 1}}
