"""The tables of the demo."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from demo.checks import Check, Level
from demo.client import seconds_of
from demo.replay.journal import Entry, TakenBack
from demo.shopping import Purchase

STEPS = {
    "inventory.reserve": "reserve", "payments.authorise": "authorise", "orders.confirm": "confirm",
    "inventory.allocate": "allocate", "carts.remove_ordered": "clear", "notifications.order_confirmed": "mail",
    "orders.complete": "complete",
}  # fmt: skip
"""The steps of a successful checkout, one column each. Other steps share a column."""
WITHOUT_WORK = "payments.await_customer"
"""A step that waits only if the customer has to confirm the payment, and is not shown."""
MIN_WIDTH = 130  # characters, minimum width for the steps' columns
LEFT_ALIGNED = ("customer", "status", "to", "subject", "refusal and other steps")
"""Left-aligned columns."""
MAX_ROWS = 15  # maximum rows of long tables


def orders(console: Console, found: list[Purchase]) -> None:
    """Each order with its result and, if the console is wide enough, the milliseconds of each step."""
    steps = STEPS if console.width >= MIN_WIDTH else {}
    table = _table("Orders, with milliseconds in total and per step", "number", "customer", "total", "status", "ms",
                   *steps.values(), "refusal and other steps")  # fmt: skip
    table.columns[-1].no_wrap = False
    for purchase in found:
        took = {step["name"]: f"{seconds_of(step, 'started_at') * 1000:.0f}" for step in _ended(purchase.task)}
        others = [
            f"{_short_name(name)} {ms}" for name, ms in took.items() if name not in (*STEPS, WITHOUT_WORK) and steps
        ]
        table.add_row(
            purchase.order["number"], purchase.customer.name, _money(purchase.order["total"]), purchase.order["status"],
            f"{purchase.seconds * 1000:.0f}", *(took.get(name, "") for name in steps),
            ", ".join([purchase.refusal, *others] if purchase.refusal else others),
        )  # fmt: skip
    console.print(table)


def replayed(console: Console, entries: list[Entry]) -> None:
    """The first orders, and the durations of all."""
    table = _table(
        f"Orders (the first {min(MAX_ROWS, len(entries))} of {len(entries)})",
        "invoice", "customer", "order", "lines", "units", "total", "status", "ms",
    )  # fmt: skip
    for entry in entries[:MAX_ROWS]:
        table.add_row(
            entry.invoice, entry.customer, entry.number, str(entry.lines), str(entry.units),
            f"{(entry.total or 0) / 100:.2f}", entry.status, f"{(entry.seconds or 0) * 1000:.0f}",
        )  # fmt: skip
    console.print(table)
    times = sorted(entry.seconds or 0 for entry in entries)
    if times:
        middle, slow = times[len(times) // 2], times[len(times) * 95 // 100]
        console.print(f"  From checkout to end: median {middle:.2f} s, 95 % within {slow:.2f} s.", highlight=False)


def taken_back(console: Console, found: list[TakenBack]) -> None:
    """The first orders that were cancelled or returned."""
    shown = min(MAX_ROWS, len(found))
    table = _table(f"Cancelled or returned (the first {shown} of {len(found)})",
                   "cancellation", "invoice", "status", "amount")  # fmt: skip
    for part in found[:MAX_ROWS]:
        table.add_row(part.cancellation, part.invoice, part.status, f"{part.amount / 100:.2f}")
    console.print(table)


def mails(console: Console, found: list[dict[str, Any]], limit: int | None = None) -> None:
    """The received mails, oldest first, at most `limit`."""
    some = "" if limit is None or limit >= len(found) else f" (the first {limit} of {len(found)})"
    table = _table(f"Mails received{some}", "to", "subject")
    for mail in sorted(found, key=lambda mail: str(mail["received_at"]))[:limit]:
        table.add_row(", ".join(mail["to"]), mail["subject"])
    console.print(table)


def stock(console: Console, before: dict[str, Level], after: dict[str, Level], sold: Counter[str]) -> None:
    """The stock levels of the sold products, before and after."""
    table = _table("Stock", "SKU", "sold", "on hand", "reserved", "available", left=1)
    for sku, pieces in sorted(sold.items()):
        was, now = before[sku], after[sku]
        pairs = zip((was.on_hand, was.reserved, was.available), (now.on_hand, now.reserved, now.available), strict=True)
        table.add_row(sku, str(pieces), *(f"{old} → {new}" for old, new in pairs))
    console.print(table)


def levels(console: Console, found: dict[str, Level]) -> None:
    """The stock levels of the best-selling products after a replay."""
    title = f"Stock (the {MAX_ROWS} best-selling of {len(found)} products)"
    table = _table(title, "SKU", "on hand", "reserved", "available", left=1)
    for sku, level in sorted(found.items(), key=lambda item: -item[1].reserved)[:MAX_ROWS]:
        table.add_row(sku, str(level.on_hand), str(level.reserved), str(level.available))
    console.print(table)


def audit(console: Console, invariants: list[dict[str, Any]]) -> None:
    """The invariants with their figures."""
    table = _table("Audit", "", "invariant", "figures", left=3)
    for invariant in invariants:
        figures = invariant["figures"]
        text = ", ".join(f"{name} {value}" for name, value in figures.items()) if isinstance(figures, dict) else figures
        table.add_row(_mark(invariant["ok"]), invariant["name"], str(text))
    console.print(table)


def checks(console: Console, found: Iterable[Check]) -> None:
    """The checks and their results."""
    table = _table("Checks", "", "what must hold", "figures", left=3)
    for check in found:
        table.add_row(_mark(check.ok), check.name, check.figures)
    console.print(table)


def _table(title: str, *columns: str, left: int = 0) -> Table:
    """A table with right-aligned numbers. `left`: number of left-aligned columns."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False,
                  padding=(0, 1, 0, 0), min_width=len(title))  # fmt: skip
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < left or column in LEFT_ALIGNED else "right", no_wrap=True)
    return table


def _ended(task: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in task["steps"] if step["finished_at"]]


def _short_name(name: str) -> str:
    """`undo:inventory.reserve` → `undo reserve`."""
    undo, _, step = name.rpartition(":")
    return f"{undo} {step.split('.')[-1]}".strip()


def _money(money: dict[str, Any]) -> str:
    return f"{money['amount'] / 100:.2f} {money['currency']}"


def _mark(ok: bool) -> str:
    return "[green]ok[/]" if ok else "[bold red]BROKEN[/]"
