"""Signals that operators send to runs by hand."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from durable import UnknownWorkflow, queries
from durable.workflow import workflow_of


def missing_members(session: Session, run_id: str, name: str, data: Mapping[str, object]) -> list[str]:
    """The members that `data` lacks, if the workflow of the run declares the signal `name` with its data.

    The step that reads an incomplete signal would fail again and again. Raises RunNotFound.
    """
    run = queries.get_run(session, run_id)
    try:
        wanted = workflow_of(run.workflow, run.version).signals.get(name)
    except UnknownWorkflow:
        return []
    return sorted(getattr(wanted, "__required_keys__", frozenset()) - data.keys())
