"""What the dispatcher decides about a run that is due. Nothing is committed, so that no dispatcher at work sees it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from workflows.dispatcher import CLOCKS, Backlog, Publication, _decide
from workflows.engine import FRESH, plan, progress_of

from durable.ids import new_id
from models import runs
from models.database import engine
from models.events import Event
from settings import QUEUES, settings
from tests.workflows.steps import AUTHORISE, COMPLETE, CONFIRM, RESERVE, SIDE_BY_SIDE, TELLING, flat, names, undos
from workflows.checkout import CHECKOUT

EMPTY = Backlog(dict.fromkeys(QUEUES, 0), {})
PAST_PIVOT = [RESERVE, AUTHORISE, CONFIRM]
CAP = settings.attempts


@pytest.fixture
def session(database: None) -> Iterator[Session]:
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session
        session.rollback()


def due(session: Session, *done: str, workflow: str = "checkout", **values: Any) -> runs.Run:
    """A run that was published a while ago, whose lease is over, with these steps done."""
    run_id = runs.start(session, workflow, new_id("ord"), {})
    run = runs.get(session, run_id)
    run.published_at = datetime.now(UTC) - timedelta(seconds=10)
    run.lease_until = datetime.now(UTC) - timedelta(seconds=1)
    for name, value in values.items():
        setattr(run, name, value)
    add_steps(session, run, "done", *done)
    return run


def add_steps(session: Session, run: runs.Run, status: str, *names: str) -> None:
    started = datetime.now(UTC)
    for name in names:
        queue = name.removeprefix("undo:").split(".")[0]
        session.add(runs.Step(run_id=run.id, name=name, status=status, queue=queue, generation=0, started_at=started))
    session.flush()


def decide(session: Session, run: runs.Run, backlog: Backlog = EMPTY) -> Publication | None:
    session.flush()
    decided = _decide(session, run, progress_of(run, runs.steps_of(session, [run.id])[run.id]), backlog)
    session.flush()
    session.refresh(run)
    return decided


def published(decided: Publication | None) -> list[str]:
    assert decided is not None
    return flat(names(decided[2]))


def seconds_left(run: runs.Run) -> float:
    return (run.lease_until - datetime.now(UTC)).total_seconds()


def stuck(session: Session) -> int:
    return session.scalars(select(func.count()).where(Event.name == "run.stuck")).one()


# ---- a backlog is not a loss


def waiting(in_queue: int, served: float | None, published: float | None = 0.0) -> float | None:
    """The pause of a run whose next step is for `inventory`; times are seconds from some moment on."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    run = runs.Run(published_at=None if published is None else moment + timedelta(seconds=published))
    backlog = Backlog(
        {**dict.fromkeys(QUEUES, 0), "inventory": in_queue},
        {} if served is None else {"inventory": moment + timedelta(seconds=served)},
    )
    return backlog.pause(run, plan(CHECKOUT, FRESH)[0])


def test_a_run_behind_others_waits_its_turn() -> None:
    assert waiting(in_queue=1, served=-30) == pytest.approx(settings.lease, abs=0.1)
    assert waiting(in_queue=1, served=None) is not None


def test_the_longer_the_queue_the_later_the_next_look_up_to_a_minute() -> None:
    pauses = [waiting(in_queue=length, served=-30) or 0 for length in (1, 1000, 2000, 10**6)]
    assert pauses == sorted(pauses)
    assert pauses[1] == settings.lease + 5
    assert pauses[3] == 60


def test_with_an_empty_queue_the_message_is_lost() -> None:
    assert waiting(in_queue=0, served=-30) is None
    assert waiting(in_queue=0, served=None) is None


def test_when_later_messages_were_served_the_message_is_lost() -> None:
    margin = CLOCKS.total_seconds()
    assert waiting(in_queue=500, served=margin + 0.1) is None
    assert waiting(in_queue=500, served=margin) is not None  # the clocks of two machines may be apart
    assert waiting(in_queue=500, served=0) is not None


def test_a_run_without_a_message_does_not_wait_for_one() -> None:
    assert waiting(in_queue=500, served=-30, published=None) is None


def test_of_side_by_side_steps_one_lost_message_is_enough() -> None:
    run = runs.Run(published_at=datetime(2026, 1, 1, tzinfo=UTC))
    stage = next(stage for stage in plan(CHECKOUT, FRESH) if len(stage) > 1)
    lengths = dict.fromkeys(QUEUES, 10)
    assert Backlog(lengths, {}).pause(run, stage) is not None
    assert Backlog({**lengths, "carts": 0}, {}).pause(run, stage) is None


# ---- a run that is due


def test_a_lost_run_is_published_from_where_it_stands(session: Session) -> None:
    run = due(session, RESERVE)
    decided = decide(session, run)
    assert published(decided) == [AUTHORISE, CONFIRM, *SIDE_BY_SIDE, COMPLETE]
    assert decided is not None
    assert decided[:2] == (run.id, 1)
    assert (run.status, run.generation, run.attempts) == ("running", 1, 1)
    assert seconds_left(run) == pytest.approx(settings.lease * 2, abs=1)
    assert run.published_at == pytest.approx(datetime.now(UTC), abs=timedelta(seconds=1))


def test_each_loss_doubles_the_pause_up_to_a_minute(session: Session) -> None:
    run = due(session, *PAST_PIVOT)
    pauses = []
    for _ in range(7):
        decide(session, run)
        pauses.append(round(seconds_left(run) / settings.lease))
    assert pauses == [2, 4, 8, 12, 12, 12, 12]
    assert run.generation == 7


def test_a_run_that_waits_its_turn_is_left_alone(session: Session) -> None:
    run = due(session, RESERVE)
    before = run.published_at
    backlog = Backlog({**dict.fromkeys(QUEUES, 0), "payments": 400}, {})
    assert decide(session, run, backlog) is None
    assert (run.status, run.generation, run.attempts, run.published_at) == ("running", 0, 0, before)
    assert seconds_left(run) == pytest.approx(settings.lease + 2, abs=1)


def test_a_pause_between_two_attempts_is_not_one_more(session: Session) -> None:
    run = due(session, RESERVE, published_at=None, attempts=2)
    assert published(decide(session, run))[0] == AUTHORISE
    assert run.attempts == 2
    assert run.published_at is not None


def test_a_parked_run_whose_time_has_come_goes_on(session: Session) -> None:
    run = due(session, RESERVE, status="waiting", published_at=None, attempts=3)
    assert published(decide(session, run))[0] == AUTHORISE
    assert (run.status, run.attempts, run.generation) == ("running", 0, 1)


def test_what_was_begun_is_published_again(session: Session) -> None:
    run = due(session, RESERVE)
    add_steps(session, run, "intent", AUTHORISE)
    assert published(decide(session, run))[0] == AUTHORISE


# ---- giving up


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"deadline": datetime(2020, 1, 1, tzinfo=UTC)}, "deadline_exceeded"),
        ({"attempts": CAP + 1}, "too_many_attempts"),
        ({"attempts": CAP + 1, "published_at": None}, "too_many_attempts"),
    ],
)
def test_before_its_pivot_a_run_is_taken_back(session: Session, values: dict[str, Any], code: str) -> None:
    run = due(session, RESERVE, **values)
    add_steps(session, run, "intent", AUTHORISE)
    assert published(decide(session, run)) == [*flat(undos(AUTHORISE, RESERVE)), *TELLING]
    assert (run.status, run.attempts) == ("compensating", 0)
    assert run.error is not None
    assert (run.error["status"], run.error["code"]) == (503, code)


def test_a_backlog_does_not_save_a_run_from_its_deadline(session: Session) -> None:
    run = due(session, deadline=datetime(2020, 1, 1, tzinfo=UTC))
    assert published(decide(session, run, Backlog(dict.fromkeys(QUEUES, 400), {}))) == TELLING


def test_the_last_attempt_is_still_one(session: Session) -> None:
    run = due(session, RESERVE, attempts=CAP - 1)
    assert published(decide(session, run))[0] == AUTHORISE
    assert (run.status, run.attempts, run.stuck_at) == ("running", CAP, None)


def test_a_deadline_that_is_not_over_changes_nothing(session: Session) -> None:
    run = due(session, deadline=datetime.now(UTC) + timedelta(minutes=1))
    assert published(decide(session, run))[0] == RESERVE
    assert run.status == "running"


@pytest.mark.parametrize("values", [{"deadline": datetime(2020, 1, 1, tzinfo=UTC)}, {"attempts": CAP + 5}])
def test_past_its_pivot_a_run_only_goes_forward(session: Session, values: dict[str, Any]) -> None:
    run = due(session, *PAST_PIVOT, **values)
    assert published(decide(session, run)) == [*SIDE_BY_SIDE, COMPLETE]
    assert run.status == "running"
    assert run.error is None


def test_a_compensation_is_never_given_up(session: Session) -> None:
    error = {"status": 409, "code": "out_of_luck", "detail": "…"}
    run = due(session, RESERVE, status="compensating", error=error, attempts=CAP + 5,
              deadline=datetime(2020, 1, 1, tzinfo=UTC))  # fmt: skip
    assert published(decide(session, run)) == [*flat(undos(RESERVE)), *TELLING]
    assert (run.status, run.error) == ("compensating", error)


@pytest.mark.parametrize(("status", "done"), [("running", PAST_PIVOT), ("compensating", [RESERVE])])
def test_a_person_is_told_once_of_a_run_that_is_stuck(session: Session, status: str, done: list[str]) -> None:
    run = due(session, *done, status=status, error={"code": "…"} if status == "compensating" else None, attempts=CAP)
    assert stuck(session) == 0
    for _ in range(3):
        decide(session, run)
        assert stuck(session) == 1
    told = session.scalars(select(Event).where(Event.name == "run.stuck")).one()
    assert (told.payload["run_id"], told.payload["workflow"]) == (run.id, "checkout")


# ---- ends


@pytest.mark.parametrize(
    ("values", "done", "end"),
    [
        ({}, [*PAST_PIVOT, *SIDE_BY_SIDE, COMPLETE], "succeeded"),
        ({"status": "compensating"}, [RESERVE, f"undo:{RESERVE}", *TELLING], "cancelled"),
    ],
)
def test_a_run_with_nothing_left_ends(session: Session, values: dict[str, Any], done: list[str], end: str) -> None:
    run = due(session, *done, **values)
    assert decide(session, run) is None
    assert (run.status, run.attempts) == (end, 0)
    assert run.finished_at is not None


def test_a_run_without_undos_that_is_given_up_ends_at_once(session: Session) -> None:
    run = due(session, workflow="clean_up", attempts=CAP + 1)
    assert decide(session, run) is None
    assert run.status == "cancelled"
    assert run.error is not None
    assert run.error["code"] == "too_many_attempts"
