"""Replays with workers and messages from before them, concurrent replays, and workers killed during a replay."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import durable
from durable import store
from durable.database import transaction
from durable.errors import Superseded
from durable.lease import Lease
from durable.plan import Call
from durable.tests.driving import (
    attempts_of,
    ended,
    execute,
    perform,
    run_of,
    start,
    statuses,
    steps_of,
    wait_until,
)  # fmt: skip
from durable.tests.outside import behave, visit, visits
from durable.tests.replays import CALL, NOTIFY, A, B, counts, odd, performed, replay


def test_an_answer_of_before_the_replay_is_discarded() -> None:
    run_id = performed(A, B)
    with transaction() as session:  # a member of a chord, which works without the run's lock
        execute("UPDATE workflow.run SET status = 'running', finished_at = NULL")
        execute("DELETE FROM workflow.step WHERE name = 'odd.b'")
        run = store.read(session, run_id, None, "odd.b")
        assert run is not None
        store.finish(run, Call(B, "odd.b"), {"of": "old"}, started_at=run.now().isoformat())
        replay(run_id, "odd.a")
        with pytest.raises(Superseded):
            store.join(session, run, Call(B, "odd.b"), "w", None)
    assert statuses(run_id) == {"odd.a": "intent"}
    perform(run_id)
    assert steps_of(run_id)["odd.b"].output == {"visits": 2}


def test_an_answer_whose_lease_has_expired_is_not_recorded_after_the_replay() -> None:
    """A worker keeps an answer for a while if it cannot record it, and does not renew its lease meanwhile."""

    def call(request: Any, key: str) -> dict[str, Any]:
        made = visit("odd.slow", key, request)["visits"]
        if made == 1:
            execute("UPDATE workflow.step SET lease_until = now() - interval '1 s' WHERE name = 'odd.asking'")
            replay(key.partition(":")[0], "odd.a")
        return {"answer": made}

    def asking(session: Any, run: Any) -> Any:
        return run.output(A)

    ask = odd.external_step(call=call, record=lambda session, run, answer: answer, replayable=True)(asking)
    run_id = performed(A, ask, B)
    assert statuses(run_id) == {"odd.a": "intent", "odd.asking": "intent"}
    perform(run_id)
    assert [found.request for found in visits("odd.slow")] == [{"visits": 1}, {"visits": 2}]
    assert steps_of(run_id)["odd.asking"].output == {"answer": 2}


def test_a_failure_of_before_the_replay_is_not_recorded() -> None:
    def call(request: Any, key: str) -> dict[str, Any]:
        if visit("odd.slow", key, request)["visits"] == 1:
            execute("UPDATE workflow.step SET lease_until = now() - interval '1 s' WHERE name = 'odd.asking'")
            replay(key.partition(":")[0], "odd.a")
            raise durable.Refusal("No.", code="no")
        return {}

    def asking(session: Any, run: Any) -> dict[str, int]:
        return {}

    ask = odd.external_step(call=call, record=lambda session, run, answer: answer, replayable=True)(asking)
    run_id = performed(A, ask, B, if_refused=[NOTIFY])
    assert (run_of(run_id).status, statuses(run_id)) == ("running", {"odd.a": "intent", "odd.asking": "intent"})
    assert attempts_of(run_id)[0].step == "odd.a"
    perform(run_id)
    assert run_of(run_id).status == "succeeded"


def test_a_worker_that_was_stopped_before_its_call_does_not_make_it_after_the_replay() -> None:
    behave("odd.called_again", down=True, times=1)
    run_id = performed(A, CALL, B)
    lease = Lease(run_id, "odd.called_again", 1)
    execute("UPDATE workflow.step SET error = NULL, lease_until = now() - interval '1 s' WHERE status = 'intent'")
    assert lease.renew(), "it is asked before it makes the call"
    execute("UPDATE workflow.step SET lease_until = now() - interval '1 s' WHERE status = 'intent'")
    replay(run_id, "odd.a")
    assert not lease.renew()


def test_an_old_message_is_void() -> None:
    run_id = performed(A, B)
    replay(run_id, "odd.a")
    perform(run_id, generation=0)
    assert counts("odd.a", "odd.b") == [1, 1]


def test_two_replays_at_once_happen_one_after_the_other() -> None:
    run_id = performed(A, B)
    with ThreadPoolExecutor() as threads, transaction() as session:
        durable.replay(session, run_id, "odd.b")
        session.info.clear()
        other = threads.submit(replay, run_id, "odd.a")
        wait_until(lambda: execute("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1, 10.0)
        session.commit()
        other.result(10.0)
    assert (run_of(run_id).replays, statuses(run_id)) == (2, {"odd.a": "intent", "odd.b": "intent"})
    perform(run_id)
    assert counts("odd.a", "odd.b") == [2, 2]


STEPS = ("album.slice", "album.picture", "album.upload", "album.index")
POINTS = [f"{point}@{step}" for step in STEPS for point in ("before-commit", "after-commit")]


@pytest.mark.parametrize("how", ["", " worker"])
@pytest.mark.parametrize("point", [*POINTS, "after-call@album.upload"])
def test_a_worker_killed_during_a_replay_loses_nothing(
    work: Callable[..., Any], crash_file: Path, point: str, how: str
) -> None:
    work(concurrency=2)
    run_id = start("album")
    assert ended(run_id).result == {"slices": 1, "pictures": ["1", "2"], "upload": 1}
    crash_file.write_text(f"{point}{how}\n")
    with transaction() as session:
        durable.replay(session, run_id, "album.slice")
    wait_until(lambda: not crash_file.exists(), sweeping=True)
    if how:
        work(concurrency=2)
    run = ended(run_id)
    assert run.status == "succeeded"
    found = steps_of(run_id)
    assert {name: step.status for name, step in found.items()} == dict.fromkeys(found, "done")
    assert run.result == {
        "slices": (found["album.slice"].output or {})["visits"], "pictures": ["1", "2"],
        "upload": (found["album.upload"].output or {})["visits"],
    }  # fmt: skip
    assert run.result["slices"] >= 2
    assert len({found.key for found in visits("album.upload")}) == 1
    replayed = sorted(kept.step for kept in attempts_of(run_id) if kept.error["code"] == "replayed")
    assert replayed == sorted(found)
