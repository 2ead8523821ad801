"""Starts the workflows of imports, webhooks and retention."""

from io import BytesIO

import durable
from durable.ids import new_id
from models import imports, webhooks
from models.core import event_log
from models.core.database import transaction
from models.core.events import IncidentOpened
from tests.faults.drivers.registry import drives, find_reaction, numbers


@drives("clean_up")
def clean_up(refused_at: str | None = None) -> str:
    with transaction() as session:
        slot = f"test-{next(numbers)}"
        return durable.start(session, "clean_up", key=slot, input={"slot": slot})


@drives("catalogue_import", "catalogue.read")
def catalogue_import(refused_at: str | None = None) -> str:
    """A file of two chunks with one invalid row; refused because its end is not UTF-8."""
    number = next(numbers)
    count = imports.reading.CHUNK_ROWS + 1
    rows = [f"I{number}-{n},clothing,Thing {n},{'Things' * 8},{n}.50,{n % 3}" for n in range(count)]
    text = "\n".join(["sku,kind,title,category,price,stock", *rows, f"I{number}-x,clothing,,Things,1,1\n"])
    file = BytesIO(text.encode() + (b"\xff" if refused_at else b""))
    with transaction() as session:
        owner = new_id("usr")
        made = imports.start_import(session, owner, file, sha256=str(number), file_name=None, default_kind=None)
    return made.run_id


@drives("webhook_disabled")
def webhook_disabled(refused_at: str | None = None) -> str:
    """A webhook endpoint says that it is gone."""
    with transaction() as session:
        endpoint_id = new_id("whe")
        session.add(
            webhooks.Endpoint(id=endpoint_id, url="https://gone.example/", types=[], secret="whsec_eA==", cursor=0)
        )
        session.flush()
        webhooks.record(session, [], [], [], [], [endpoint_id])
        return find_reaction(session, "webhook_disabled")


@drives("incident_notice")
def incident_notice(refused_at: str | None = None) -> str:
    with transaction() as session:
        about = {"incident": f"stuck:test-{next(numbers)}", "state": "opened", "detail": "A run is stuck."}
        event_log.emit(session, IncidentOpened(**about))
        return find_reaction(session, "incident_notice")
