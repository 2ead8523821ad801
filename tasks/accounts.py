"""Steps of the accounts service."""

from typing import Any

from sqlalchemy.orm import Session

from models import idempotency, retention, runs
from tasks.step import Run, step


@step
def prune(session: Session, run: Run) -> dict[str, Any]:
    """Deletes a portion of what need not be kept any longer; a run of its own goes on where it ends."""
    portion = retention.prune(session, place=run.input.get("place"))
    if portion.place is None:
        return {"deleted": portion.deleted}
    number = run.input.get("portion", 1) + 1
    about = {**run.input, "portion": number, "place": portion.place}
    following = runs.start(session, run.workflow, key=f"{run.input['slot']}/{number}", input=about)
    return {"deleted": portion.deleted, "next": following}


@step
def forget_answers(session: Session, run: Run) -> dict[str, Any]:
    """Deletes what a user who is gone was answered, as it is kept beside idempotency keys."""
    return {"answers": idempotency.forget_owner(session, run.input["user_id"])}
