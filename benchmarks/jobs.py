"""Duration of beat's hourly jobs: `python -m benchmarks.jobs`, in the environment of a running shop.

The first round deletes, expires and reminds what is due; the second one finds nothing left, as in a shop that has run
for long. Prints a JSON object: job → seconds of the second round. The daily jobs are left out: a report is about every
product, and a reconciliation about the payments of its period.
"""

import json
from uuid import uuid4

import workflows  # noqa: F401  registers the workflows
from benchmarks.books import drain, value
from durable import start
from models.core.database import transaction
from workflows.schedule import SCHEDULES


def measure() -> dict[str, float]:
    """Runs each job to its end, with the runs that it starts. Seconds."""
    return {made.workflow: _run(made.workflow) for made in SCHEDULES if made.every == "hour"}


def _run(workflow: str) -> float:
    with transaction() as session:
        slot = f"2000-01-01T00 {uuid4().hex}"  # of its own, beside those of beat
        run_id = start(session, workflow, key=slot, input={"slot": slot})
    drain()
    took = "SELECT extract(epoch FROM finished_at - created_at)::float FROM workflow.run WHERE id = :id"
    return float(value(took, id=run_id.removeprefix("run_")))


if __name__ == "__main__":
    measure()
    print(json.dumps(measure()))
