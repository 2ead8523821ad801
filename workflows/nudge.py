"""Publishes what a transaction has started or woken, right after its commit."""

from sqlalchemy import event
from sqlalchemy.orm import Session

from models import runs
from models.database import transaction
from workflows.continuation import left_of
from workflows.engine import FRESH, WORKFLOWS, Call, plan
from workflows.publishing import publish


@event.listens_for(Session, "after_commit")
def _nudge(session: Session) -> None:
    for run_id, workflow, generation in session.info.pop("nudge", ()):
        fresh = generation == 0
        publish(run_id, generation, plan(WORKFLOWS[workflow], FRESH) if fresh else _left(run_id, generation))


def _left(run_id: str, generation: int) -> list[list[Call]]:
    with transaction() as session:
        run = runs.lock(session, run_id, generation)
        return left_of(session, run) if run else []
