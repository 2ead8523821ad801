"""Decisions of a dispatcher about a due run. Nothing is committed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from durable import breaker, decisions, queries, transitions
from durable.backlog import Backlog
from durable.decisions import Publication
from durable.plan import FRESH, plan
from durable.tables import RunRecord, StepRecord
from durable.tests.app import ATTEMPTS, LEASE, QUEUES, engine
from durable.tests.driving import configured, flat, names
from durable.tests.workflows import TRANSFER

NONE = dict.fromkeys(QUEUES, 0)
EMPTY, LONG = Backlog(NONE, {}), Backlog(dict.fromkeys(QUEUES, 400), {})
OVER = datetime(2020, 1, 1, tzinfo=UTC)
WITHDRAW, CLEAR, CLOSE = "bank.withdraw", "clearing.clear", "bank.close"
PAST_PIVOT, BESIDE = [WITHDRAW, CLEAR, "bank.deposit"], ["bank.statement", "mail.confirm"]
BACK = ["undo:bank.withdraw", "bank.reject", "undo:clearing.clear", "mail.regret"]


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session
        session.rollback()


def due(session: Session, *done: str, workflow: str = "transfer", **values: Any) -> RunRecord:
    """A run published 10 s ago with an expired lease, with these steps done."""
    run_id = transitions.start(session, workflow, values.pop("key", "it"), {"source": "a", "target": "b", "amount": 1})
    session.info.clear()
    run = queries.get_run(session, run_id)
    run.published_at = datetime.now(UTC) - timedelta(seconds=10)
    run.lease_until = datetime.now(UTC) - timedelta(seconds=1)
    for name, value in values.items():
        setattr(run, name, value)
    add_steps(session, run, "done", *done)
    return run


def add_steps(session: Session, run: RunRecord, status: str, *names: str, **values: Any) -> None:
    for name in names:
        queue = name.removeprefix("undo:").split(".")[0]
        step = StepRecord(run_id=run.id, name=name, status=status, queue=queue, started_at=datetime.now(UTC), **values)
        session.add(step)
    session.flush()


def decide(session: Session, run: RunRecord, backlog: Backlog = EMPTY) -> Publication | None:
    session.flush()
    decided = decisions.decide(session, run, queries.steps_of_run(session, run.id), backlog, datetime.now(UTC))
    session.flush()
    session.refresh(run)
    return decided


def published(decided: Publication | None) -> list[str]:
    assert decided is not None
    return flat(names(decided[2]))


def seconds_left(run: RunRecord) -> float:
    return (run.lease_until - datetime.now(UTC)).total_seconds()


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
    decided = decide(session, run)
    assert published(decided) == [CLEAR, "bank.deposit", *BESIDE, CLOSE]
    assert decided is not None
    assert decided[:2] == (run.id, 1)
    assert (run.status, run.generation, run.publications, run.attempts) == ("running", 1, 1, 0)
    assert run.published_at == pytest.approx(datetime.now(UTC), abs=timedelta(seconds=5))


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


# ---- compensation


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"deadline": OVER}, "deadline_exceeded"),
        ({"attempts": ATTEMPTS}, "too_many_attempts"),
        ({"attempts": ATTEMPTS, "published_at": None}, "too_many_attempts"),
    ],
)
def test_a_run_before_its_pivot_is_compensated(session: Session, values: dict[str, Any], code: str) -> None:
    run = due(session, WITHDRAW, **values)
    add_steps(session, run, "intent", CLEAR)
    assert published(decide(session, run)) == BACK
    assert (run.status, run.attempts, run.stuck_at) == ("compensating", 0, None)
    assert run.error is not None
    assert (run.error["status"], run.error["code"]) == (503, code)


def test_a_suspended_run_is_compensated_at_its_deadline(session: Session) -> None:
    run = due(session, WITHDRAW, status="waiting", deadline=OVER, published_at=None)
    assert published(decide(session, run)) == ["undo:bank.withdraw", "bank.reject", "mail.regret"]


def test_a_deadline_applies_during_a_backlog(session: Session) -> None:
    assert published(decide(session, due(session, deadline=OVER), LONG)) == ["bank.reject", "mail.regret"]


def test_the_last_attempt_is_published(session: Session) -> None:
    run = due(session, WITHDRAW, attempts=ATTEMPTS - 1)
    assert published(decide(session, run))[0] == CLEAR
    assert (run.status, run.stuck_at) == ("running", None)


def test_a_deadline_in_the_future_changes_nothing(session: Session) -> None:
    run = due(session, deadline=datetime.now(UTC) + timedelta(minutes=1))
    assert published(decide(session, run))[0] == WITHDRAW
    assert run.status == "running"


@pytest.mark.parametrize("values", [{"deadline": OVER}, {"attempts": ATTEMPTS + 5}])
def test_a_run_past_its_pivot_is_not_compensated(session: Session, values: dict[str, Any]) -> None:
    run = due(session, *PAST_PIVOT, **values)
    assert published(decide(session, run)) == [*BESIDE, CLOSE]
    assert (run.status, run.error) == ("running", None)


def test_a_compensation_is_never_given_up(session: Session) -> None:
    error = {"status": 409, "code": "out_of_luck", "detail": "…"}
    run = due(session, WITHDRAW, status="compensating", error=error, attempts=ATTEMPTS + 5, deadline=OVER)
    assert published(decide(session, run)) == ["undo:bank.withdraw", "bank.reject", "mail.regret"]
    assert (run.status, run.error) == ("compensating", error)


# ---- stuck


@pytest.mark.parametrize(
    ("workflow", "values", "intent"),
    [
        ("transfer", {"attempts": ATTEMPTS, "done": PAST_PIVOT}, {}),
        ("transfer", {"attempts": ATTEMPTS, "done": [WITHDRAW], "status": "compensating"}, {}),
        ("retried", {"attempts": ATTEMPTS}, {}),
        ("retried", {"deadline": OVER}, {}),
        ("retried", {"progress_at": OVER}, {"error": {"code": "gateway_down"}}),
        ("transfer", {"progress_at": OVER, "done": [WITHDRAW]}, {"error": {"code": "gateway_down"}}),
    ],
    ids=["past its pivot", "compensating", "no if_refused", "late, no if_refused", "old, no if_refused", "old"],
)
def test_a_stuck_run_is_reported_once_and_retried(
    session: Session, workflow: str, values: dict[str, Any], intent: dict[str, Any]
) -> None:
    reported: list[str] = []
    values = {**values}
    run = due(session, *values.pop("done", ()), workflow=workflow, **values)
    if intent:
        add_steps(session, run, "intent", CLEAR if workflow == "transfer" else "odd.retried", **intent)
    with configured(on_stuck=lambda session, run, step: reported.append(step)):
        for _ in range(3):
            assert decide(session, run) is not None
            assert len(reported) == 1
    assert run.status == values.get("status", "running")
    assert run.stuck_at is not None
    assert run.stuck_reason


def test_a_run_that_only_waits_for_a_worker_is_not_stuck(session: Session) -> None:
    run = due(session, WITHDRAW, progress_at=OVER)  # no step has failed
    decide(session, run)
    assert run.stuck_at is None


def test_a_suspended_run_is_not_stuck_however_long_it_waits(session: Session) -> None:
    run = due(session, WITHDRAW, status="waiting", progress_at=OVER, published_at=None)
    add_steps(session, run, "intent", CLEAR, error={"code": "gateway_down"})
    decide(session, run)
    assert run.stuck_at is None


# ---- ends


@pytest.mark.parametrize(
    ("values", "done", "end"),
    [
        ({}, [*PAST_PIVOT, *BESIDE, CLOSE], "succeeded"),
        ({"status": "compensating"}, [WITHDRAW, *BACK], "cancelled"),
    ],
)
def test_a_run_without_remaining_steps_ends(
    session: Session, values: dict[str, Any], done: list[str], end: str
) -> None:
    run = due(session, *done, **values)
    assert decide(session, run) is None
    assert (run.status, run.attempts) == (end, 0)
    assert run.finished_at is not None
