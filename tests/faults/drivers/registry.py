"""The drivers of all workflows."""

from collections.abc import Callable
from itertools import count
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from durable.tables import RunRecord

DRIVERS: dict[str, tuple[Callable[[str | None], str], tuple[str | None, ...]]] = {}
"""Workflow → a function that starts a run and returns its id, and the paths that it supports.

A path is the name of the step that refuses, or None if none does.
"""

numbers = count(1)
"""Makes names unique over all drivers."""

Driver = TypeVar("Driver", bound=Callable[..., str])


def drives(workflow: str, *refused_at: str) -> Callable[[Driver], Driver]:
    """Registers the driver of a workflow, which can make these steps refuse."""

    def register(driver: Driver) -> Driver:
        DRIVERS[workflow] = driver, (None, *refused_at)
        return driver

    return register


def find_reaction(session: Session, workflow: str) -> str:
    """The id of the run that an event has just started in this transaction."""
    started = select(RunRecord.id).where(RunRecord.workflow == workflow).order_by(RunRecord.id.desc())
    return session.scalars(started.limit(1)).one()
