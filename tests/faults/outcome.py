"""The outcome of every accepted order in the shop, the gateway and the mailbox."""

import json
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from local.waiting import wait_until
from tests.command import shop
from tests.faults.full_stack import GOOD, Customer, Stack

PATIENCE = 420.0  # seconds; longer than a checkout's deadline and the longest pause after it
_ORDERS = """
    SELECT 'ord_' || replace(placed.id::text, '-', ''), number, placed.status, reason->>'code', run.finished_at IS NULL
    FROM orders."order" AS placed LEFT JOIN workflow.run AS run ON run.id = placed.run_id
    WHERE 'usr_' || replace(placed.user_id::text, '-', '') = ANY(%s)
"""
_LIVE = "SELECT count(*) FROM workflow.run WHERE finished_at IS NULL"


@dataclass
class Outcome:
    """Counts of orders and mails. `cancelled`: reasons of cancelled valid orders; there must be none."""

    accepted: int
    confirmed: int
    declined: int
    cancelled: dict[str, int]
    doubled: int
    lost: int
    mails_missing: int
    mails_twice: int
    audit_findings: list[str]
    still_live: int

    def faults(self) -> dict[str, object]:
        """The violations by name. A mail may be delivered twice."""
        wanted = ("cancelled", "doubled", "lost", "mails_missing", "audit_findings", "still_live")
        return {name: value for name, value in asdict(self).items() if name in wanted and value}


def outcome(stack: Stack, customers: Sequence[Customer]) -> Outcome:
    """Waits until every run has ended, and counts the orders of these customers."""
    users = [customer.user_id for customer in customers]
    accepted = {order_id: method for customer in customers for order_id, method in customer.accepted.items()}
    with stack.database() as connection:
        wait_until(lambda: _live(connection) == 0, PATIENCE, 1.0)
        orders = {order_id: row for order_id, *row in connection.execute(_ORDERS, [users]).fetchall()}
        live = _live(connection)
    good = {order_id for order_id, method in accepted.items() if method == GOOD}
    ended = {
        order_id for order_id, (_, status, _, under_way) in orders.items() if status != "pending" and not under_way
    }
    reasons = Counter(
        code for order_id, (_, status, code, _) in orders.items() if status == "cancelled" and order_id in good
    )
    return Outcome(
        accepted=len(accepted),
        confirmed=sum(status == "confirmed" for _, status, _, _ in orders.values()),
        declined=sum(code == "payment_declined" for _, _, code, _ in orders.values()) - reasons["payment_declined"],
        cancelled=dict(reasons),
        doubled=len(orders.keys() - accepted.keys()) + _held_twice(stack, orders),
        lost=len(accepted.keys() - ended),
        **_mails(stack, [number for order_id, (number, *_) in orders.items() if order_id in ended]),
        audit_findings=_findings(stack),
        still_live=live,
    )


def _live(connection: psycopg.Connection[Any]) -> int:
    found: int = connection.execute(_LIVE).fetchall()[0][0]
    return found


def _held_twice(stack: Stack, orders: Container[str]) -> int:
    """The number of these orders that the gateway authorised more than once."""
    held = Counter(
        made["metadata"]["order_id"]
        for made in stack.ledger()
        for done in made["operations"]
        if (done["kind"], done["status"]) == ("authorise", "succeeded")
    )
    return sum(times > 1 for order_id, times in held.items() if order_id in orders)


def _mails(stack: Stack, numbers: list[int]) -> dict[str, int]:
    """The numbers of orders without a mail, and with more than one."""
    mails = [mail for mail in stack.mails() if mail["subject"].startswith("Your order ")]
    deliveries: Counter[str] = Counter()
    for mail in mails:
        deliveries[mail["subject"].split()[2]] += mail["deliveries"]
    times = [deliveries[str(number)] for number in numbers]
    return {"mails_missing": times.count(0), "mails_twice": sum(count > 1 for count in times)}


def _findings(stack: Stack) -> list[str]:
    found = shop(stack.var, "audit", "--json")
    if not found.stdout:
        return [found.stderr]
    return [f"{one['name']}: {one['figures']} {one['examples']}" for one in json.loads(found.stdout) if not one["ok"]]


def table(found: Outcome, about: Mapping[str, object], faults: Counter[str]) -> str:
    """A Markdown table."""
    lines = [f"{name}: {value}" for name, value in about.items()]
    lines += ["", "| orders and mails | |", "|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {value or 0} |" for name, value in asdict(found).items()]
    lines += ["", "| fault | times |", "|---|---|"]
    lines += [f"| {fault} | {times} |" for fault, times in sorted(faults.items())]
    return "\n".join(lines)


def write(file: Path, found: Outcome, about: Mapping[str, object], faults: Counter[str]) -> None:
    """Writes JSON or Markdown, depending on the extension of the file."""
    if file.suffix == ".json":
        file.write_text(json.dumps({**about, **asdict(found), "faults": faults}, indent=2) + "\n")
    else:
        file.write_text(table(found, about, faults) + "\n")
