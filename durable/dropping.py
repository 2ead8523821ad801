"""An operator's drop of an item of an `Each`, such as one that kills its workers."""

from sqlalchemy.orm import Session

from durable.errors import RunConflict
from durable.plan import plan, progress_in
from durable.queries import steps_of_run
from durable.run import DROP
from durable.tables import RunRecord
from durable.transitions import retry
from durable.workflow import workflow_of


def drop(session: Session, run_id: str, name: str) -> RunRecord:
    """An operator's drop: the step with this name, an item of an `Each`, ends without its work at its next attempt.

    The run is resumed as by `retry`. Raises RunNotFound, and RunConflict as `retry` does, and if the step is not next
    or cannot be dropped (`not_droppable`).
    """
    run = retry(session, run_id)
    stages = plan(workflow_of(run.workflow, run.version), progress_in(run.status, steps_of_run(session, run_id)))
    if not any(call.name == name and call.step.droppable for call in (stages[0] if stages else ())):
        raise RunConflict(f"{name} is not a step of this run that can be dropped now.", code="not_droppable")
    run.signals = {**run.signals, DROP: [*run.signals.get(DROP, []), {"step": name}]}
    return run
