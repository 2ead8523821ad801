"""`shop replay`: replays a retailer's real invoices."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cli.progress import Progress
from demo.client import Client, Refused, Unfinished, Unreachable
from demo.replay import per_customer_queue
from demo.replay.customers import OrderPlacer
from demo.replay.goods import Products
from demo.replay.journal import Entry, Journal
from demo.replay.retail import Invoice, Line, NotRetail, Skipped, invoices
from local.processes import api_address
from settings import settings, var_folder

CURRENCY = "GBP"


@dataclass
class FileSummary:
    """The contents of a file. `demand`: units by SKU of orders that have not ended yet. Amounts are in pence."""

    orders: int = 0
    lines: int = 0
    units: int = 0
    value: int = 0
    earlier: int = 0
    without_lines: int = 0
    skipped: Counter[Skipped] = field(default_factory=Counter)
    demand: Counter[str] = field(default_factory=Counter)
    goods: dict[str, Line] = field(default_factory=dict)


@dataclass
class Result:
    """The result of a replay. `faults`: a sentence for each order that differs from its invoice."""

    statuses: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    units: int = 0
    value: int = 0
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


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Maximum number of invoices.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Concurrent customers.")
def replay(file: Path, limit: int | None, concurrency: int) -> None:
    """Replay the invoices of FILE against the running stack.

    FILE is the UCI data set Online Retail, as .csv or .csv.gz. Missing products and stock are created; customers
    register, fill carts and check out through the REST API. Lines that cannot be ordered are counted by reason. A
    replay can be interrupted and resumed; no order is placed twice. Exit status: 0 if every invoice is a confirmed
    order of the same value, otherwise 1.
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
        placer = OrderPlacer(Client(api_address(settings)), products, journal, settings.secret_key)
        with Progress("orders", summary.orders, console) as progress:
            result = _place_all(placer, invoices(file, limit), concurrency, progress)
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
    summary = FileSummary()
    for invoice in invoices(file, limit):
        summary.skipped += invoice.skipped
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


def _place_all(placer: OrderPlacer, found: Iterable[Invoice], concurrency: int, progress: Progress) -> Result:
    result, guard = Result(), threading.Lock()

    def place(invoice: Invoice) -> None:
        try:
            outcome: Entry | Refused = placer.place(invoice)
        except Refused as refusal:
            outcome = refusal
        with guard:
            result.add(invoice.number, outcome)
        progress.advance()

    per_customer_queue.run((invoice for invoice in found if invoice.lines), place, concurrency)
    return result


def _report(console: Console, summary: FileSummary, result: Result) -> None:
    table = Table("", "invoices", "orders", title="Replay", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    placed = sum(result.statuses.values()) - result.statuses["refused"]
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(result.statuses.items()))
    table.add_row("with lines to order", str(summary.orders), f"{placed} placed ({statuses})")
    table.add_row("lines", str(summary.lines), str(result.lines))
    table.add_row("units", str(summary.units), str(result.units))
    table.add_row(f"value, {CURRENCY}", f"{summary.value / 100:.2f}", f"{result.value / 100:.2f}")
    console.print(table)
    skipped = Table("skipped", "lines", title=f"{summary.without_lines} invoices without lines to order")
    skipped.title_justify, skipped.columns[1].justify = "left", "right"
    for reason, count in summary.skipped.most_common():
        skipped.add_row(reason, str(count))
    console.print(skipped)
    for fault in result.faults:
        console.print(fault, markup=False)
