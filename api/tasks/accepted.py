"""The answer to a request that a run carries out."""

from api.tasks.links import links_of
from durable.tables import RunRow

LOCATION = {"Location": {"schema": {"type": "string"}}}
"""The documentation of its header."""

TaskAnswer = tuple[dict[str, object], int, dict[str, str]]


def accept(run: RunRow, *, status: str = "running", **about: object) -> TaskAnswer:
    """202 with the task to follow, its links, and `about`: the ids of what it concerns."""
    links = links_of(run)
    accepted = {"task_id": run.id, "status": status, "links": links, **about}
    return accepted, 202, {"Location": links["task"], "Retry-After": "1"}
