"""Decisions of a dispatcher about a due run: publications, backlogs and unavailable services."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from durable import breaker, decisions
from durable.backlog import Backlog
from durable.plan import FRESH, plan
from durable.tables import RunRecord
from durable.tests.app import LEASE
from durable.tests.deciding import (
    BESIDE,
    CLEAR,
    CLOSE,
    LONG,
    NONE,
    OVER,
    PAST_PIVOT,
    WITHDRAW,
    add_steps,
    decide,
    due,
    published,
    seconds_left,
)
from durable.tests.driving import configured
from durable.tests.workflows import TRANSFER

# ---- a backlog is not a loss


def waiting(in_queue: int, served: float | None, published: float | None = 0.0) -> float | None:
    """The pause of a run whose next step is for `bank`; times are seconds after a fixed time."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    run = RunRecord(published_at=None if published is None else moment + timedelta(seconds=published))
    backlog = Backlog(
        {**NONE, "bank": in_queue}, {} if served is None else {"bank": moment + timedelta(seconds=served)}
    )
    return backlog.pause(run, plan(TRANSFER, FRESH)[0])


def test_a_queued_run_is_not_lost() -> None:
    assert waiting(in_queue=1, served=-30) == pytest.approx(LEASE, abs=0.1)
    assert waiting(in_queue=1, served=None) is not None


def test_the_next_check_is_later_for_a_longer_queue_up_to_a_minute() -> None:
    assert [waiting(in_queue=length, served=-30) for length in (0, 1000, 10**6)] == [None, LEASE + 5, 60.0]


def test_the_message_is_lost_if_the_queue_is_empty() -> None:
    assert waiting(in_queue=0, served=-30) is None
    assert waiting(in_queue=0, served=None) is None


def test_the_message_is_lost_if_later_messages_were_served() -> None:
    assert waiting(in_queue=500, served=0.1) is None
    assert waiting(in_queue=500, served=0) is not None


def test_an_unpublished_run_does_not_wait_for_a_message() -> None:
    assert waiting(in_queue=500, served=-30, published=None) is None


def test_one_lost_message_of_a_parallel_stage_is_enough() -> None:
    run = RunRecord(published_at=datetime(2026, 1, 1, tzinfo=UTC))
    stage = next(stage for stage in plan(TRANSFER, FRESH) if len(stage) > 1)
    assert LONG.pause(run, stage) is not None
    assert Backlog({**LONG.lengths, "mail": 0}, {}).pause(run, stage) is None


# ---- an unavailable service


def test_one_run_per_sweep_tries_an_unavailable_service_and_the_others_back_off(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "is_closed", lambda queue: False)
    monkeypatch.setattr(breaker, "pause", lambda queue: None)  # the pause is over and a trial is due
    sweep = Backlog(NONE, {})
    runs = [due(session, WITHDRAW, key=f"run {n}") for n in range(decisions.FEW + 2)]
    decided = [decide(session, run, sweep) for run in runs]
    assert [published(decided[0])[0], *decided[1:]] == [CLEAR, *[None] * (len(runs) - 1)]
    left = [(run.lease_until - datetime.now(UTC)).total_seconds() for run in runs]
    assert left[1] < decisions.UNAVAILABLE_DELAY - 2 < left[-1]


# ---- due runs


def test_a_lost_run_is_published_from_its_next_step(session: Session) -> None:
    run = due(session, WITHDRAW)
    before = datetime.now(UTC)
    decided = decide(session, run)
    assert published(decided) == [CLEAR, "bank.deposit", *BESIDE, CLOSE]
    assert decided is not None
    assert decided[:2] == (run.id, 1)
    assert (run.status, run.generation, run.publications, run.attempts) == ("running", 1, 1, 0)
    assert run.published_at is not None
    assert before - timedelta(seconds=5) < run.published_at < datetime.now(UTC) + timedelta(seconds=5)


def test_each_loss_doubles_the_pause_up_to_the_maximum(session: Session) -> None:
    run = due(session, *PAST_PIVOT)
    pauses = []
    with configured(longest_pause=12.0):
        for _ in range(6):
            decide(session, run)
            pauses.append(round(seconds_left(run) / LEASE))
    assert pauses == [2, 4, 8, 12, 12, 12]
    assert (run.generation, run.publications, run.attempts) == (6, 6, 0)


def test_a_publication_does_not_count_as_progress(session: Session) -> None:
    run = due(session, WITHDRAW, progress_at=OVER)
    decide(session, run)
    assert run.progress_at == OVER


def test_a_queued_run_is_not_published_again(session: Session) -> None:
    run = due(session, WITHDRAW)
    before = run.published_at
    assert decide(session, run, Backlog({**NONE, "clearing": 400}, {})) is None
    assert (run.status, run.generation, run.publications, run.published_at) == ("running", 0, 0, before)
    assert seconds_left(run) == pytest.approx(LEASE + 2, abs=1)


def test_the_end_of_a_retry_pause_does_not_count_as_a_loss(session: Session) -> None:
    run = due(session, WITHDRAW, published_at=None, attempts=2)
    assert published(decide(session, run))[0] == CLEAR
    assert (run.attempts, run.publications, run.published_at is None) == (2, 0, False)


def test_a_suspended_run_resumes_when_it_is_due(session: Session) -> None:
    run = due(session, WITHDRAW, status="waiting", published_at=None, attempts=2)
    assert published(decide(session, run))[0] == CLEAR
    assert (run.status, run.attempts, run.generation) == ("running", 0, 1)


def test_a_leased_step_is_not_published_again(session: Session) -> None:
    run = due(session, WITHDRAW)
    until = datetime.now(UTC) + timedelta(seconds=30)
    add_steps(session, run, "intent", CLEAR, lease_until=until)
    assert decide(session, run) is None
    assert (run.generation, run.lease_until) == (0, until)


def test_the_siblings_of_a_leased_step_are_published(session: Session) -> None:
    run = due(session, *PAST_PIVOT)
    add_steps(session, run, "intent", "mail.confirm", lease_until=datetime.now(UTC) + timedelta(seconds=30))
    assert published(decide(session, run)) == ["bank.statement", CLOSE]


def test_a_step_whose_lease_has_expired_is_published_again(session: Session) -> None:
    run = due(session, WITHDRAW)
    add_steps(session, run, "intent", CLEAR, lease_until=OVER)
    assert published(decide(session, run))[0] == CLEAR
