"""The workflows of these tests: a bank transfer, a trip, and some that fail, hang or wait."""

import os
from datetime import timedelta
from typing import Any, TypedDict

from sqlalchemy import text

import durable
from durable import Each, Parallel, Pivot, Retry, Service, Step, Suspend, Undoable, Workflow
from durable.tests.outside import visit


def local(name: str, **options: Any) -> Step:
    """A local step `queue.function` that visits the outside and returns its response."""
    service, _, function = name.partition(".")

    def work(session: Any, run: Any) -> dict[str, Any]:
        return visit(name)

    work.__name__ = function
    return Service(service).step(**options)(work)


def external(name: str, **options: Any) -> Step:
    """A step `queue.function` that calls the outside with the run's input as its request."""
    service, _, function = name.partition(".")

    def work(session: Any, run: Any) -> dict[str, Any]:
        return dict(run.input)

    work.__name__ = function
    made = Service(service).external_step(
        call=lambda request, key: visit(name, key, request), record=lambda session, run, answer: answer, **options
    )
    return made(work)


# ---- a bank transfer

bank, clearing = Service("bank"), Service("clearing")


class TransferInput(TypedDict):
    source: str
    target: str
    amount: int


def _move(session: Any, account: str, amount: int) -> None:
    """Raises Refusal if the account has too little."""
    change = text("UPDATE bank.account SET balance = balance + :amount WHERE id = :id AND balance + :amount >= 0")
    if session.connection().execute(change, {"id": account, "amount": amount}).rowcount == 0:
        raise durable.Refusal(f"{account} has not got {-amount}.", code="insufficient_funds")


@bank.step
def withdraw(session: Any, run: Any) -> dict[str, int]:
    _move(session, run.input["source"], -run.input["amount"])
    return {"amount": run.input["amount"]}


@bank.step
def put_back(session: Any, run: Any) -> None:
    _move(session, run.input["source"], run.input["amount"])


clear = external("clearing.clear")
reverse = external("clearing.reverse")


@bank.step
def deposit(session: Any, run: Any) -> None:
    _move(session, run.input["target"], run.input["amount"])


@bank.step
def close(session: Any, run: Any) -> dict[str, Any]:
    return {"amount": (run.output(withdraw) or {})["amount"], "statement": run.is_done("bank.statement")}


TRANSFER = Workflow(
    "transfer",
    Undoable(withdraw, undo=put_back),
    Undoable(clear, undo=reverse),
    Pivot(deposit),
    Parallel(external("mail.confirm"), local("bank.statement")),
    close,
    if_refused=[external("mail.regret"), local("bank.reject")],
    input=TransferInput,
)

# ---- a trip: three bookings in parallel, and a ticket for each traveller

trips = Service("trips")


@trips.step
def choose(session: Any, run: Any) -> dict[str, list[str]]:
    return {"travellers": run.input["travellers"]}


@trips.step_for_each
def ticket(session: Any, run: Any, item: str) -> dict[str, Any]:
    return visit(f"trips.ticket[{item}]")


@trips.step
def depart(session: Any, run: Any) -> dict[str, int]:
    return {"tickets": len(run.outputs(ticket))}


TRIP = Workflow(
    "trip",
    choose,
    Parallel(external("booking.flight"), external("booking.hotel"), external("booking.car")),
    local("trips.pack"),
    Each(ticket, over=lambda outputs: outputs["trips.choose"]["travellers"]),
    depart,
)


def ask_consulate(request: dict[str, str], key: str) -> dict[str, Any]:
    return {**request, **visit(f"trips.visa[{request['traveller']}]", key, request)}


@trips.external_step_for_each(
    call=ask_consulate,
    record=lambda session, run, answer: answer,
)
def visa(session: Any, run: Any, item: str) -> dict[str, str] | None:
    return {"traveller": item} if item != "native" else None


@trips.step
def board(session: Any, run: Any) -> dict[str, Any]:
    return dict(run.outputs(visa))


ABROAD = Workflow("abroad", choose, Each(visa, over=lambda outputs: outputs["trips.choose"]["travellers"]), board)

# ---- an album: all of it can be replayed

album = Service("album")
slice_album = local("album.slice", replayable=True)


@album.step_for_each(replayable=True)
def picture(session: Any, run: Any, item: str) -> dict[str, Any]:
    return visit(f"album.picture[{item}]")


upload = external("album.upload", replayable=True)


@album.step(replayable=True)
def index(session: Any, run: Any) -> dict[str, Any]:
    """What the steps of this time, not of the time before, have made."""
    sliced, uploaded = run.output(slice_album), run.output(upload)
    return {
        "slices": (sliced or {})["visits"], "pictures": sorted(run.outputs(picture)),
        "upload": (uploaded or {})["visits"],
    }  # fmt: skip


ALBUM = Workflow("album", slice_album, Each(picture, over=lambda outputs: ["1", "2"]), upload, index)

# ---- parallel members

FOUR = Workflow("four", Parallel(*(local(f"odd.member_{n}") for n in range(4))), local("odd.join"))
FOUR_LATER = Workflow(
    "four_later", local("odd.first"), Parallel(*(local(f"odd.later_{n}") for n in range(4))), local("odd.join_later")
)
LONG = Workflow("long", Parallel(*(local(f"odd.long_{n}", long=True) for n in range(3))), local("odd.join_long"))

# ---- steps that kill their worker, fail or hang

NOTIFY = local("odd.notify")
POISON = Workflow("poison", local("odd.fine"), local("odd.poison"), local("odd.end"), if_refused=[NOTIFY])
POISON_BEHIND = Workflow("poison_behind", Pivot(local("odd.pivot")), local("odd.poison_behind"), if_refused=[NOTIFY])
RETRIED = Workflow("retried", local("odd.retried", retry=Retry(first=0.1)), local("odd.after_retried"))
LIMITED = Workflow("limited", external("odd.limited", timeout=0.5, retry=Retry(first=0.1)), local("odd.after_limited"))
CALL = Workflow("call", external("odd.call"), local("odd.after_call"))


@Service("odd").step(long=True)
def work_long(session: Any, run: Any) -> dict[str, Any]:
    durable.heartbeat({"done": 1, "of": 2})
    return visit("odd.work_long")


BEATING = Workflow("beating", work_long, local("odd.after_work"))

# ---- waiting: for a time, for two approvals, for a child


@Service("odd").step
def sleep(session: Any, run: Any) -> Any:
    first = visit("odd.sleep")["visits"] == 1
    return Suspend(run.now() + timedelta(seconds=1.5)) if first else {"slept": True}


@Service("odd").step
def approve(session: Any, run: Any) -> Any:
    found = [signal["by"] for signal in run.consume("approved")]
    visit("odd.approve", request=found)
    return Suspend() if "boss" not in found else {"by": "boss"}


@Service("odd").step
def travel(session: Any, run: Any) -> Any:
    child = durable.start_child(session, run, "trip", "there", {"travellers": ["ada"]})
    return {"trip": child.result} if child.ended else Suspend()


def _poll(session: Any, run: Any) -> Any:
    """Calls once it is asked to."""
    return {"asked": run.consume("ask")} if "ask" in run.signals else Suspend()


poll = Service("odd").external_step(
    call=lambda request, key: visit("odd.poll", key, request),
    record=lambda session, run, answer: answer if answer["visits"] == 2 else Suspend(),  # the second answer is final
)(_poll)


SLEEPY = Workflow("sleepy", sleep, local("odd.after_sleep"))
APPROVED = Workflow("approved", local("odd.before"), approve, local("odd.after"), if_refused=[NOTIFY])
POLLING = Workflow("polling", poll, local("odd.after"))
JOURNEY = Workflow("journey", travel, local("odd.arrive"))


# ---- another release

if "DURABLE_TEST_NEW_RELEASE" in os.environ:
    GROWN = Workflow("grown", local("odd.old"), local("odd.new"), local("odd.grown"), version=2)
Workflow("grown", local("odd.old"), local("odd.grown"))

# A worker is stopped after the commit that begins the call and before the call itself.
STOPPED = Workflow("stopped", local("odd.before_stop"), external("odd.called"), local("odd.after_stop"))
