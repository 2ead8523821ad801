"""Workflows of steps that can be performed again, and replays of their runs."""

from typing import Any

import pytest

import durable
from durable import Service, Workflow
from durable.database import transaction
from durable.tests.driving import (
    perform,
    run_of,
    start_unpublished,
    statuses,
)  # fmt: skip
from durable.tests.outside import visits
from durable.tests.workflows import external, local

odd = Service("odd")
NOTIFY, FIRST, UNDO = local("odd.notify"), local("odd.first"), local("odd.undo")
A, B, C = (local(f"odd.{name}", replayable=True) for name in ("a", "b", "c"))
CALL = external("odd.called_again", replayable=True)


def performed(*stages: Any, **options: Any) -> str:
    """Starts a run of these stages and handles one message of it."""
    Workflow("shared", *stages, **options)
    run_id = start_unpublished("shared", {"n": 1})
    perform(run_id)
    return run_id


def replay(run_id: str, name: str) -> None:
    """Replays without publishing; the test acts as the worker."""
    with transaction() as session:
        durable.replay(session, run_id, name)
        session.info.clear()


def refused(run_id: str, name: str) -> tuple[str, str]:
    before, steps = run_of(run_id), statuses(run_id)
    with pytest.raises(durable.RunConflict) as found:
        replay(run_id, name)
    after = run_of(run_id)
    assert (after.status, after.generation, after.replays, statuses(run_id)) == (
        before.status, before.generation, before.replays, steps,
    )  # fmt: skip
    return found.value.code, found.value.detail


def counts(*names: str) -> list[int]:
    return [len(visits(name)) for name in names]
