"""The page of a run that writes something: how far it is. It leads to what was written."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, g, request

from durable import queries
from models.core.database import single_statements
from models.core.errors import NotFound
from serving.tasks import task_view
from web.desk.pages import show
from web.pages import HEADERS, lead


def show_progress(
    run_id: str, workflow: str, section: str, title: Callable[[Mapping[str, Any]], str],
    result: Callable[[Mapping[str, Any]], str],
) -> Response:  # fmt: skip
    """The progress of a run of this workflow; `part`: only what changes.

    `title`: what it writes, from its input; `result`: the address of what it has written, from its result. Raises
    NotFound for runs of other workflows.
    """
    with single_statements() as connection:
        run, steps = queries.run_with_steps(connection, run_id)
    if run.workflow != workflow:
        raise NotFound("No such task.")
    is_part = "part" in request.args
    if run.status == "succeeded" and run.result:
        address = result(run.result)
        return Response(status=204, headers={"HX-Redirect": address, **HEADERS}) if is_part else lead(address)
    return show(
        "progress_part.html" if is_part else "progress.html", section=section, task=task_view(run, steps, g.principal),
        title=title(run.input), is_under_way=run.finished_at is None,
    )  # fmt: skip
