"""The tables of steps and reactions in docs/workflows.md are those of the code."""

import re
from pathlib import Path

import workflows  # noqa: F401  the workflows that there are
from durable.workflow import all_workflows, workflow_of
from models.core.events import EVENT_TYPES

DOCUMENT = Path(__file__).parents[2] / "docs" / "workflows.md"


def rows(first_column: str) -> dict[str, set[str]]:
    """The first column of a table → the names in its second column. Every row has a reason in the third."""
    section = DOCUMENT.read_text().split("### Steps and reactions")[1].split("\n## ")[0]
    table = section.split(f"| {first_column} | ")[1].split("\n\n")[0]
    found = {}
    for line in table.splitlines()[2:]:
        name, others, why = line.strip("|").split(" | ", 2)
        assert why.strip(), line
        (name,) = re.findall(r"`([^`]+)`", name)
        found[name] = set(re.findall(r"`([^`]+)`", others))
    return found


def test_the_table_of_reactions_is_what_events_start() -> None:
    assert rows("event") == {name: set(event.starts) for name, event in EVENT_TYPES.items() if event.starts}


def test_the_payload_of_an_event_has_what_its_workflows_require() -> None:
    for event in EVENT_TYPES.values():
        payload = vars(event)["__dataclass_fields__"].keys() - {"subject"}
        for workflow in event.starts:
            assert workflow_of(workflow).required <= payload, (event.name, workflow)


def test_every_workflow_that_an_event_starts_is_declared() -> None:
    started = {workflow for event in EVENT_TYPES.values() for workflow in event.starts}
    assert started <= {workflow.name for workflow in all_workflows()}


def test_the_table_of_steps_has_every_step_of_inventory() -> None:
    found: dict[str, set[str]] = {}
    for workflow in all_workflows():
        for step in workflow.all_steps():
            service, _, name = step.name.partition(".")
            if service == "inventory":
                found.setdefault(workflow.name, set()).add(name)
    assert rows("workflow") == found
