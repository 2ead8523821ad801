"""Steps of the reports service that compare the providers' payments with ours. See workflows/reconciliation.py."""

from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, NotRequired, TypedDict, cast

from sqlalchemy.orm import Session

from durable import Run, Suspend, start_child
from durable.ids import new_id
from models import payments
from models.core.errors import Conflict
from models.core.workflow_inputs import ReconciliationInput
from models.operations import reconciling
from models.operations.audit import ProviderPayment
from models.operations.reconciling import Slice
from settings import settings
from tasks.gateways.payments import PROVIDERS, provider
from tasks.reports import service

SLICES = 100
"""Slices in a run. What is left is for a child run, so that neither a run nor a worker's memory grows with the shop."""
LISTED = 1000
"""Payments that are read of a provider's list for a slice. What is left is another slice."""
REPAIRS = 100
"""Authorisations that are voided in a run."""
SECOND = timedelta(seconds=1)


class Place(TypedDict):
    """Where slicing goes on: at this provider, after this payment."""

    gateway: str
    after: str | None


class Scope(TypedDict):
    """What a run compares. `day`, `start`, `end`: the period (ISO 8601). `place`: None if nothing is left."""

    reconciliation_id: str
    day: str
    start: str
    end: str
    slices: list[Slice]
    place: Place | None


@service.step
def slice_period(session: Session, run: Run[ReconciliationInput]) -> Scope:
    """Cuts the period into slices of few payments. A slot of the schedule, `2026-11-22`, is for the day before."""
    scope = cast(Scope | None, run.input.get("rest")) or _new_scope(run)
    slices, place = list(scope["slices"]), scope["place"]
    start, end = datetime.fromisoformat(scope["start"]), datetime.fromisoformat(scope["end"])
    while place is not None and len(slices) < SLICES and start < end:
        found, after = reconciling.cut(session, place["gateway"], start, end, place["after"], SLICES - len(slices))
        slices += [one for one in found if one["first"] or provider(one["gateway"]).can_list]
        place = {**place, "after": after} if after else _next_provider(place["gateway"])
    return {
        "reconciliation_id": scope["reconciliation_id"], "day": scope["day"], "start": scope["start"],
        "end": scope["end"], "slices": slices, "place": place if start < end else None,
    }  # fmt: skip


def _new_scope(run: Run[ReconciliationInput]) -> Scope:
    """Payments that are younger than the grace period are left to the next reconciliation."""
    asked = run.input.get("day")
    day = date.fromisoformat(asked) if asked else date.fromisoformat(run.input["slot"]) - timedelta(days=1)
    midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
    end = min(midnight, run.now() - timedelta(minutes=settings.reconcile_grace))
    return {
        "reconciliation_id": run.input.get("reconciliation_id") or new_id("rec"), "day": day.isoformat(),
        "start": (midnight - timedelta(days=settings.reconcile_days)).isoformat(), "end": end.isoformat(),
        "slices": [], "place": {"gateway": next(iter(PROVIDERS)), "after": None},
    }  # fmt: skip


def _next_provider(gateway: str) -> Place | None:
    names = list(PROVIDERS)[list(PROVIDERS).index(gateway) + 1 :]
    return {"gateway": names[0], "after": None} if names else None


def _scope(run: Run[ReconciliationInput]) -> Scope:
    scope = run.output(slice_period)
    assert scope is not None
    return scope


class ReadRequest(TypedDict):
    """`references`: those of our payments. `asked_at`: a time before the provider is asked."""

    one: Slice
    references: list[str]
    asked_at: str


class Read(TypedDict):
    """What the provider has of a slice. `rest`: the part of the slice that its list has beyond LISTED payments."""

    one: Slice
    asked_at: str
    made: list[dict[str, Any]]
    rest: Slice | None


class Compared(TypedDict):
    """Numbers of compared payments, and what is left of the slice."""

    ours: int
    theirs: int
    rest: Slice | None


def _read(request: ReadRequest, idempotency_key: str) -> Read:
    one = request["one"]
    gateway = provider(one["gateway"])
    since, until = datetime.fromisoformat(one["since"]), datetime.fromisoformat(one["until"])
    listed = list(islice(gateway.list_since(since, until=until), LISTED)) if gateway.can_list else []
    rest: Slice | None = None
    if len(listed) == LISTED:  # newest first; those of the last second are read again
        rest = {**one, "until": (listed[-1].created_at + SECOND).isoformat(), "first": None, "last": None}
    known = {made.reference for made in listed}
    # A payment of ours may have been created at the provider much later, in another slice.
    missing = filter(None, (gateway.look_up(name) for name in request["references"] if name not in known))
    names = [field.name for field in fields(ProviderPayment)]
    made = [{name: getattr(payment, name) for name in names} for payment in (*listed, *missing)]
    return {"one": one, "asked_at": request["asked_at"], "made": made, "rest": rest}


def _record_compared(session: Session, run: Run[ReconciliationInput], read: Read) -> Compared:
    made = [ProviderPayment(**payment) for payment in read["made"]]
    asked_at = datetime.fromisoformat(read["asked_at"])
    ours = reconciling.compare(session, _scope(run)["reconciliation_id"], read["one"], made, asked_at)
    return {"ours": ours, "theirs": len(made), "rest": read["rest"]}


@service.external_step_for_each(call=_read, record=_record_compared)
def compare(session: Session, run: Run[ReconciliationInput], number: str) -> ReadRequest:
    """Reads one slice at its provider, and records its differences."""
    one = _scope(run)["slices"][int(number)]
    references = reconciling.list_references(session, one) if one["first"] else []
    return {"one": one, "references": references, "asked_at": run.now().isoformat()}


@service.step
def choose_repairs(session: Session, run: Run[ReconciliationInput]) -> dict[str, list[str]]:
    """Chooses the forgotten authorisations that are to be voided."""
    found = payments.select_open_repairs(_scope(run)["reconciliation_id"], REPAIRS)
    return {"references": list(session.scalars(found))}


class RepairRequest(TypedDict):
    gateway: str
    reference: str
    voided: NotRequired[bool]


def _void(request: RepairRequest, idempotency_key: str) -> RepairRequest:
    try:
        provider(request["gateway"]).void(reference=request["reference"])
    except Conflict:  # captured meanwhile: the next reconciliation will report it as paid
        return {**request, "voided": False}
    return {**request, "voided": True}


def _record_repair(session: Session, run: Run[ReconciliationInput], done: RepairRequest) -> dict[str, bool]:
    voided = done["voided"]
    reconciling.record_repair(session, _scope(run)["reconciliation_id"], done["reference"], voided=voided)
    return {"voided": voided}


@service.external_step_for_each(call=_void, record=_record_repair)
def repair(session: Session, run: Run[ReconciliationInput], reference: str) -> RepairRequest | None:
    """Voids a forgotten authorisation, unless its order has changed since."""
    gateway = reconciling.request_repair(session, _scope(run)["reconciliation_id"], reference)
    return {"gateway": gateway, "reference": reference} if gateway else None


@service.step
def reconcile(session: Session, run: Run[ReconciliationInput]) -> Any:
    """Leaves what is left to a child run, waits for it, and writes the reconciliation."""
    scope, parts = _scope(run), run.outputs(compare).values()
    compared = {name: sum(part[name] for part in parts) for name in ("ours", "theirs")}
    cut = [part["rest"] for part in parts if part["rest"]]
    full = len((run.output(choose_repairs) or {})["references"]) == REPAIRS
    if cut or full or scope["place"]:
        rest = {**scope, "slices": cut}
        child = start_child(session, run, run.workflow, "rest", {"rest": rest})
        if not child.ended:
            return Suspend()
        if child.result is None or child.status != "succeeded":
            raise RuntimeError(f"{child.run_id}, a part of this reconciliation, was cancelled")
        compared = {name: number + child.result[name] for name, number in compared.items()}
    if run.parent:
        return compared
    day, start, end = date.fromisoformat(scope["day"]), *(datetime.fromisoformat(scope[n]) for n in ("start", "end"))
    made = reconciling.write(session, scope["reconciliation_id"], run.id, day, start, end, compared)
    return {"reconciliation_id": made.id, "status": made.status, "counts": made.counts}


@service.step
def report_reconciliation(session: Session, run: Run[ReconciliationInput]) -> Any:
    """The result of the run: the id of the reconciliation, its status and its counts."""
    return run.output(reconcile)
