"""An open circuit breaker stops calls to its service; runs wait without a message or a process."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable import Refusal, Unavailable, breaker, slots
from durable.tests.app import app, engine
from durable.tests.driving import (
    configured,
    ended,
    execute,
    lose_messages,
    make_due,
    perform,
    run_of,
    start,
    start_unpublished,
    statuses,
    sweep,
    wait_until,
)  # fmt: skip
from durable.tests.outside import behave, visits

OPTIONS = '{"breaker_failures": 3, "breaker_pause": 1.0}'


def away(*_: Any) -> None:
    raise Unavailable("away")


@pytest.fixture
def options() -> Iterator[None]:
    with configured(breaker_failures=3, breaker_pause=30.0):
        yield


def open_breaker() -> None:
    for _ in range(3):
        with pytest.raises(Unavailable):
            breaker.call("odd", away)


def simulate_new_process() -> None:
    """Simulates a new process."""
    breaker._breakers.clear()
    breaker._storages.clear()


@pytest.mark.usefixtures("options")
def test_the_breaker_opens_after_consecutive_failures() -> None:
    for _ in range(2):
        with pytest.raises(Unavailable, match="away"):
            breaker.call("odd", away)
    breaker.call("odd", lambda: "an answer")
    open_breaker()
    assert not breaker.is_closed("odd")
    with engine().connect() as connection:
        assert breaker.open_breakers(connection) == {"odd": "away"}


@pytest.mark.usefixtures("options")
def test_a_refusal_or_a_bug_does_not_open_the_breaker() -> None:
    def refuse() -> None:
        raise Refusal("No.")

    for _ in range(4):
        with pytest.raises(Refusal):
            breaker.call("odd", refuse)
        with pytest.raises(ZeroDivisionError):
            breaker.call("odd", lambda: 1 / 0)
    assert breaker.is_closed("odd")


@pytest.mark.usefixtures("options")
def test_processes_share_the_state_of_the_breaker() -> None:
    open_breaker()
    simulate_new_process()
    assert not breaker.is_closed("odd")
    assert breaker.pause("odd") is not None
    assert breaker.is_closed("bank")


@pytest.mark.usefixtures("options")
def test_one_trial_call_runs_at_a_time_and_its_success_closes_the_breaker() -> None:
    open_breaker()
    assert not breaker.may_call("odd")
    execute("UPDATE workflow.breaker SET opened_at = opened_at - interval '31 s'")
    simulate_new_process()
    assert breaker.pause("odd") is None
    assert breaker.may_call("odd")
    simulate_new_process()
    assert not breaker.may_call("odd")  # another process: the trial is in progress
    assert breaker.call("odd", lambda: "an answer") == "an answer"
    simulate_new_process()
    assert breaker.is_closed("odd")


@pytest.mark.usefixtures("options")
def test_a_run_waits_for_an_open_breaker_without_a_message_or_a_process() -> None:
    open_breaker()
    run_id = start_unpublished("call")
    perform(run_id)
    assert (visits("odd.call"), statuses(run_id), lose_messages()) == ([], {}, 0)
    assert run_of(run_id).published_at is None
    make_due(run_id)
    sweep()
    run = run_of(run_id)
    assert (run.generation, run.attempts, run.publications, lose_messages()) == (0, 0, 0, 0)


def test_runs_continue_when_the_service_responds_again(work: Callable[..., Any]) -> None:
    behave("odd.call", down=True)
    work(concurrency=2, DURABLE_TEST_OPTIONS=OPTIONS)
    run_ids = [start("call", key=str(n)) for n in range(6)]
    with configured(breaker_failures=3, breaker_pause=1.0):
        wait_until(lambda: execute("SELECT count(*) FROM workflow.breaker WHERE state <> 'closed'"), sweeping=True)
        wait_until(lambda: all(run_of(run_id).published_at is None for run_id in run_ids), sweeping=True)
        behave("odd.call")
        assert {ended(run_id).status for run_id in run_ids} == {"succeeded"}
    assert execute("SELECT count(*) FROM workflow.breaker WHERE state <> 'closed'") == 0


# ---- in-place calls, for queues that a worker does not consume


def test_one_process_of_a_worker_at_a_time_calls_in_place(tmp_path: Any) -> None:
    import os

    with configured(slots=str(tmp_path)):
        assert slots.acquire("mail", "w1")
        pid = os.fork()
        if pid == 0:  # another process of the same worker
            slots._files.clear()
            os._exit(0 if not slots.acquire("mail", "w1") and slots.acquire("mail", "w2") else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        slots.release()
        assert slots.acquire("mail", "w1")
        slots.release()
        close_slots()


def close_slots() -> None:
    while slots._files:
        slots._files.popitem()[1].close()


def test_a_slot_is_released_at_the_end_of_its_message(tmp_path: Any) -> None:
    with configured(slots=str(tmp_path)):
        assert slots.acquire("mail", "w1")
        perform(start_unpublished("four"))  # makes no call
        (held,) = slots._files.values()
        slots._files.clear()  # simulates another process, which opens the file again
        assert slots.acquire("mail", "w1")
        slots.release()
        close_slots()
        held.close()


def test_a_call_runs_in_place_where_the_options_allow_it(work: Callable[..., Any], tmp_path: Any) -> None:
    """Neither a worker for `clearing` and `mail` nor a dispatcher runs."""
    execute("INSERT INTO bank.account VALUES ('ada', 9), ('bob', 0)")
    work("bank", DURABLE_TEST_OPTIONS=f'{{"in_place": ["clearing", "mail"], "slots": "{tmp_path}"}}')
    run_id = start("transfer", {"source": "ada", "target": "bob", "amount": 1})
    wait_until(lambda: run_of(run_id).finished_at is not None)
    assert run_of(run_id).status == "succeeded"
    assert len(visits("clearing.clear")) == 1


def test_without_in_place_a_call_is_published_to_its_queue(work: Callable[..., Any]) -> None:
    execute("INSERT INTO bank.account VALUES ('ada', 9), ('bob', 0)")
    work("bank")
    start("transfer", {"source": "ada", "target": "bob", "amount": 1})
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("clearing").get(timeout=30)
        message.ack()
    assert message.headers["task"] == "clearing.clear"
    assert visits("clearing.clear") == []
