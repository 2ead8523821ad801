"""docs/events.md lists every event with its payload, as models/core/events.py declares them."""

import re
from pathlib import Path

from models.core.events import EVENT_TYPES, PUBLIC_TYPES, DomainEvent

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"


def rows(heading: str) -> dict[str, list[str]]:
    """Name of an event → the names in its third column, in their order."""
    table = DOCUMENT.read_text().split(f"| {heading} |\n")[1].split("\n\n")[0]
    found = {}
    for line in table.splitlines()[1:]:
        name, _, payload = line.strip("|").split(" | ", 2)
        found[name.strip(" `")] = re.findall(r"`([^`]+)`", payload)
    return found


def payload(event: type[DomainEvent]) -> list[str]:
    members: dict[str, object] = vars(event)["__dataclass_fields__"]
    return [name for name in members if name != "subject"]


def test_the_payloads_of_public_events_are_listed() -> None:
    """The members come first; a row may name values of one of them afterwards."""
    listed = rows("type | subject | data")
    assert listed.keys() == PUBLIC_TYPES.keys()
    for name, event in PUBLIC_TYPES.items():
        members = payload(event)
        assert listed[name][: len(members)] == members, name


def test_the_payloads_of_other_events_are_listed() -> None:
    listed = rows("event | about | payload")
    others = EVENT_TYPES.keys() - PUBLIC_TYPES.keys()
    assert listed.keys() == others
    for name in others:
        members = payload(EVENT_TYPES[name])
        assert listed[name][: len(members)] == members, name
