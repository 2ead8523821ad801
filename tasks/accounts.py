"""Steps of the accounts service."""

import logging

from sqlalchemy.orm import Session

import durable
from durable import Run, Service
from models.core import audit_chain, idempotency
from models.core.workflow_inputs import PruneInput, UserInput
from models.operations import retention

log = logging.getLogger(__name__)
service = Service("accounts")


@service.step
def prune(session: Session, run: Run[PruneInput]) -> dict[str, object]:
    """Deletes a batch of rows whose retention period is over, and starts a run for the next batch."""
    if "place" not in run.input:
        log.info("the audit log ends with entry %s", audit_chain.last_entry(session))
    portion = retention.prune(session, place=run.input.get("place"))
    if portion.place is None:
        return {"deleted": portion.deleted}
    number = run.input.get("portion", 1) + 1
    about: PruneInput = {"slot": run.input["slot"], "portion": number, "place": portion.place}
    following = durable.start(session, run.workflow, key=f"{run.input['slot']}/{number}", input=about)
    return {"deleted": portion.deleted, "next": following}


@service.step
def erase_answers(session: Session, run: Run[UserInput]) -> dict[str, int]:
    """Deletes the stored responses of a closed account."""
    return {"answers": idempotency.delete_of_owner(session, run.input["user_id"])}
