"""Failures of steps: recording the exception, and compensating or retrying the run."""

import logging
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from durable import attempts, config, store, transitions
from durable.begun import Begun, is_ours
from durable.database import transaction
from durable.errors import Refusal, Unavailable
from durable.plan import Call, can_turn_back, progress_of
from durable.run import Run
from durable.testing import crash_point
from durable.workflow import workflow_of

if TYPE_CHECKING:
    from durable.worker import Invocation

log = logging.getLogger(__name__)


def fail(invocation: "Invocation", call: Call, since: float, error: Exception) -> None:
    """Records an exception at its step. The invocation continues with steps that do not depend on it.

    Raises OperationalError if the failure cannot be recorded.
    """
    begun, invocation.begun = invocation.begun, None
    if isinstance(error, call.step.final) and not isinstance(error, Refusal):
        error = Refusal(str(error) or type(error).__name__, code="step_failed")
    _log(invocation.run_id, call, error)
    with transaction() as session:
        run = store.lock(session, invocation.run_id, None if begun else invocation.generation)
        if run is None or (begun is not None and not is_ours(run, begun)):
            invocation.over = True
            return
        compensated = _record(session, run, call, error, begun, invocation.worker)
        invocation.generation = run.generation
        crash_point("before-commit", call.name, run.id)
    crash_point("after-commit", call.name, invocation.run_id)
    config.options().observer.step_ended(run, call, _outcome(error), since)
    invocation.worked, invocation.over = True, invocation.is_member and not compensated
    invocation.is_member = invocation.is_member and not compensated
    invocation.send_events(call, since, done=False)


def _record(session: Session, run: Run, call: Call, error: Exception, begun: Begun | None, worker: str) -> bool:
    """Records the failure. Returns whether the run is compensated."""
    answered = begun is not None and not begun.answered  # the external service has refused
    state, workflow = run.steps.get(call.name), workflow_of(run.workflow, run.version)
    if state is not None and begun is not None:
        state.held = True  # so that the attempt is not counted twice
    refused = call.name if answered and call.step.is_external else None
    can_compensate = bool(workflow.if_refused) and can_turn_back(workflow, progress_of(run), refused=refused)
    if not isinstance(error, Refusal) or not can_compensate:
        attempts.record_failure(session, run, call, error, worker)
        return False
    # Only a refusal by the external service is final. Otherwise the call may have taken effect.
    known = not call.step.is_external or answered or state is None or state.status != "intent"
    transitions.refuse(session, run, call, error, worker, known=known)
    if answered and call.step.on_refusal is not None:
        call.step.on_refusal(session, run, error)
    return True


def _outcome(error: Exception) -> str:
    if isinstance(error, Refusal):
        return "refused"
    return "unavailable" if isinstance(error, Unavailable) else "failed"


def _log(run_id: str, call: Call, error: Exception) -> None:
    if isinstance(error, Refusal):
        log.info("%s of %s refused: %s", call.name, run_id, error.detail)
    elif isinstance(error, Unavailable):
        log.warning("%s of %s will be retried: %s", call.name, run_id, error)
    else:
        log.error("%s of %s failed", call.name, run_id, exc_info=error)
