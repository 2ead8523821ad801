"""`shop replay`: replays a retailer's real invoices."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from cli.progress import Progress
from demo.client import Client, Refused, Unfinished, Unreachable
from demo.replay import per_customer_queue
from demo.replay.cancellations import Matcher, Part
from demo.replay.customers import OrderPlacer
from demo.replay.goods import Products
from demo.replay.journal import Entry, Journal, TakenBack
from demo.replay.retail import Invoice, Line, NotRetail, Skipped, invoices
from demo.replay.taking_back import Clerk
from settings import settings, var_folder

CURRENCY = "GBP"
Outcome = TypeVar("Outcome")


@dataclass
class FileSummary:
    """The contents of a file. `demand`: units by SKU of orders that have not ended yet. Amounts are in pence.

    `parts`: by the number of the cancellation. `unmatched`: reason → lines of cancellations that belong to no order,
    `unmatched_value`: their value.
    """

    orders: int = 0
    lines: int = 0
    units: int = 0
    value: int = 0
    earlier: int = 0
    without_lines: int = 0
    skipped: Counter[Skipped] = field(default_factory=Counter)
    demand: Counter[str] = field(default_factory=Counter)
    goods: dict[str, Line] = field(default_factory=dict)
    cancellations: int = 0
    parts: dict[str, list[Part]] = field(default_factory=dict)
    unmatched: Counter[Skipped] = field(default_factory=Counter)
    unmatched_value: Counter[Skipped] = field(default_factory=Counter)

    @property
    def taken_back(self) -> int:
        """The value of the cancellations' lines that belong to an order."""
        return sum(part.value for parts in self.parts.values() for part in parts)


@dataclass
class Result:
    """The result of a replay. `faults`: a sentence for each order that differs from its invoice."""

    statuses: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    units: int = 0
    value: int = 0
    taken_back: Counter[str] = field(default_factory=Counter)
    taken_back_value: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, invoice: str, outcome: Entry | Refused) -> None:
        """Counts the result of an invoice: the order, or the shop's error."""
        if isinstance(outcome, Refused):
            self.statuses["refused"] += 1
            self.faults.append(f"Invoice {invoice} was refused: {outcome}")
            return
        self.statuses[outcome.status or "unfinished"] += 1
        if outcome.status == "confirmed":
            self.lines, self.units = self.lines + outcome.lines, self.units + outcome.units
            self.value += outcome.total or 0
        else:
            self.faults.append(f"Invoice {invoice}: its order is {outcome.status or 'unfinished'} ({outcome.reason}).")
        if outcome.total != outcome.value:
            self.faults.append(f"Invoice {invoice} has a total of {outcome.value} pence, its order {outcome.total}.")

    def add_taken_back(self, part: Part, outcome: TakenBack | Refused) -> None:
        """Counts what a cancellation has taken back of an order, or the shop's error."""
        what = f"Cancellation {part.cancellation} of invoice {part.invoice}"
        if isinstance(outcome, Refused):
            self.taken_back["refused"] += 1
            self.faults.append(f"{what} was refused: {outcome}")
            return
        self.taken_back[outcome.status] += 1
        self.taken_back_value += outcome.amount
        if outcome.amount != outcome.value:
            self.faults.append(f"{what} is about {outcome.value} pence, the shop gave back {outcome.amount}.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Maximum number of invoices.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Concurrent customers.")
def replay(file: Path, limit: int | None, concurrency: int) -> None:
    """Replay the invoices of FILE against the running stack.

    FILE is the UCI data set Online Retail, as .csv or .csv.gz. Missing products and stock are created; customers
    register, fill carts and check out through the REST API. Cancellations (`C…`) cancel the order that they belong to
    as a whole; otherwise the order is shipped, and the goods are returned and refunded. Lines that cannot be ordered,
    cancelled or returned are counted by reason. A replay can be interrupted and resumed; nothing is done twice. Exit
    status: 0 if every invoice is an order of the same value, and every cancellation gives back its value, otherwise 1.
    """
    if settings.currency != CURRENCY:
        raise click.ClickException(
            f"The invoices are in {CURRENCY}, but this shop sells in {settings.currency}. "
            f"Start it with SHOP_CURRENCY={CURRENCY} and an empty data folder."
        )
    console = Console(highlight=False)
    journal = Journal(var_folder() / "replay" / "journal.sqlite")
    try:
        summary = summarise(file, limit, journal)
        products = _ensure_stock(console, file, summary)
        shop = Client(settings.api_local)
        placer = OrderPlacer(shop, products, journal, settings.secret_key, settings.mailbox)
        clerk = Clerk(shop, journal, settings.secret_key)
        with Progress("invoices", summary.orders + len(summary.parts), console) as progress:
            work = _worker(placer, clerk, summary, result := Result(), progress)
            per_customer_queue.run(_with_work(invoices(file, limit), summary), work, concurrency)
    except NotRetail as error:
        raise click.ClickException(f"{file}: {error}") from error
    except (Unreachable, Unfinished) as error:
        raise click.ClickException(f"{error} Run the same command again to resume.") from error
    except KeyboardInterrupt:
        raise click.ClickException("Stopped. Run the same command again to resume.") from None
    finally:
        journal.close()
    _report(console, summary, result)
    if result.faults:
        raise SystemExit(1)


def summarise(file: Path, limit: int | None, journal: Journal) -> FileSummary:
    """Counts the contents of the file and what remains to be done."""
    summary, matcher = FileSummary(), Matcher()
    for invoice in invoices(file, limit):
        summary.skipped += invoice.skipped
        parts, unmatched = matcher.add(invoice)
        if parts:
            summary.parts[invoice.number] = parts
        for reason, value in unmatched:
            summary.unmatched[reason] += 1
            summary.unmatched_value[reason] += value
        if invoice.is_cancellation:
            summary.cancellations += 1
            continue
        if not invoice.lines:
            summary.without_lines += 1
            continue
        summary.orders += 1
        summary.lines += len(invoice.lines)
        summary.units += invoice.units
        summary.value += invoice.value
        entry = journal.find(invoice.number)
        summary.earlier += bool(entry and entry.status)
        for line in invoice.lines.values():
            summary.goods.setdefault(line.sku, line)
            if not (entry and entry.status):
                summary.demand[line.sku] += line.quantity
    return summary


def _ensure_stock(console: Console, file: Path, summary: FileSummary) -> Products:
    console.print(f"{file.name}: {summary.orders} orders to replay, {summary.earlier} of them already done.")
    began = time.monotonic()
    products = Products()
    products.ensure_stock([summary.goods[sku] for sku in summary.demand], summary.demand, CURRENCY)
    console.print(
        f"{len(summary.demand)} products with opening stock created or found in {time.monotonic() - began:.1f} s."
    )
    return products


def _with_work(found: Iterable[Invoice], summary: FileSummary) -> Iterable[Invoice]:
    return (invoice for invoice in found if invoice.lines or invoice.number in summary.parts)


def _worker(
    placer: OrderPlacer, clerk: Clerk, summary: FileSummary, result: Result, progress: Progress
) -> Callable[[Invoice], None]:
    """A function that replays an invoice or a cancellation, and adds its outcome to `result`. Thread-safe."""
    guard = threading.Lock()

    def work(invoice: Invoice) -> None:
        if invoice.lines:
            order = _or_refusal(partial(placer.place, invoice))
            with guard:
                result.add(invoice.number, order)
        for part in summary.parts.get(invoice.number, []):
            taken_back = _or_refusal(partial(clerk.take_back, part, placer.customer(invoice)))
            with guard:
                result.add_taken_back(part, taken_back)
        progress.advance()

    return work


def _or_refusal(act: Callable[[], Outcome]) -> Outcome | Refused:
    try:
        return act()
    except Refused as refusal:
        return refusal


def _report(console: Console, summary: FileSummary, result: Result) -> None:
    table = Table("", "invoices", "orders", title="Replay", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    placed = sum(result.statuses.values()) - result.statuses["refused"]
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(result.statuses.items()))
    table.add_row("with lines to order", str(summary.orders), f"{placed} placed ({statuses})")
    table.add_row("lines", str(summary.lines), str(result.lines))
    table.add_row("units", str(summary.units), str(result.units))
    table.add_row(f"value, {CURRENCY}", _pounds(summary.value), _pounds(result.value))
    taken_back = ", ".join(f"{count} {status}" for status, count in sorted(result.taken_back.items())) or "none"
    parts = sum(map(len, summary.parts.values()))
    table.add_row("orders taken back", str(parts), taken_back)
    table.add_row(f"cancelled or returned, {CURRENCY}", _pounds(summary.taken_back), _pounds(result.taken_back_value))
    left = result.value - result.taken_back_value
    table.add_row(f"remaining value, {CURRENCY}", _pounds(summary.value - summary.taken_back), _pounds(left))
    console.print(table)
    skipped = Table("skipped", "lines", title=f"{summary.without_lines} invoices without lines to order")
    skipped.title_justify, skipped.columns[1].justify = "left", "right"
    for reason, count in summary.skipped.most_common():
        skipped.add_row(reason, str(count))
    console.print(skipped)
    title = f"{summary.cancellations} cancellations, {len(summary.parts)} of them of orders in the file"
    unmatched = Table("lines that belong to no order", "lines", f"value, {CURRENCY}", title=title, title_justify="left")
    unmatched.columns[1].justify = unmatched.columns[2].justify = "right"
    for reason, count in summary.unmatched.most_common():
        unmatched.add_row(reason, str(count), _pounds(summary.unmatched_value[reason]))
    total = sum(summary.unmatched_value.values())
    unmatched.add_row("total", str(sum(summary.unmatched.values())), _pounds(total))
    console.print(unmatched)
    for fault in result.faults:
        console.print(fault, markup=False)


def _pounds(pence: int) -> str:
    return f"{pence / 100:.2f}"
