"""`shop replay`: turns a retailer's real invoices into the life of this shop."""

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
from demo.replay.customers import Buying
from demo.replay.goods import Shelf
from demo.replay.journal import Entry, Journal
from demo.replay.retail import Invoice, Line, NotRetail, Skipped, invoices
from local.processes import api_address
from settings import settings, var_folder

CURRENCY = "GBP"


@dataclass
class Survey:
    """What a file holds. `demand`: pieces by SKU, of orders whose end the journal does not know. Money in pence."""

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
    """What a replay has led to. `faults`: a sentence for each order that did not become what its invoice says."""

    statuses: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    units: int = 0
    value: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, invoice: str, outcome: Entry | Refused) -> None:
        """Counts what has become of an invoice: the order, or the shop's refusal."""
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
            self.faults.append(f"Invoice {invoice} is of {outcome.value} pence, its order of {outcome.total}.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many invoices.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Customers at a time.")
def replay(file: Path, limit: int | None, concurrency: int) -> None:
    """Replay the invoices of FILE against the stack that is up.

    FILE is the UCI data set Online Retail as .csv or .csv.gz. Products and stock are made as they are needed;
    customers register, fill carts and check out through REST. What can't be ordered is counted by reason.
    Stopped at any moment and started again, it goes on and does nothing twice. Exit status: 0 if every invoice
    has become a confirmed order of the same value, else 1.
    """
    if settings.currency != CURRENCY:
        raise click.ClickException(
            f"These invoices are in {CURRENCY}, and this shop sells in {settings.currency}: "
            f"start it with SHOP_CURRENCY={CURRENCY} and an empty data folder."
        )
    console = Console(highlight=False)
    journal = Journal(var_folder() / "replay" / "journal.sqlite")
    try:
        survey = look_through(file, limit, journal)
        shelf = _stock_up(console, file, survey)
        buying = Buying(Client(api_address(settings)), shelf, journal, settings.secret_key)
        with Progress("orders", survey.orders, console) as progress:
            result = _buy_all(buying, invoices(file, limit), concurrency, progress)
    except NotRetail as error:
        raise click.ClickException(f"{file}: {error}") from error
    except (Unreachable, Unfinished) as error:
        raise click.ClickException(f"{error} The same command goes on from here.") from error
    except KeyboardInterrupt:
        raise click.ClickException("Stopped. The same command goes on from here.") from None
    finally:
        journal.close()
    _report(console, survey, result)
    if result.faults:
        raise SystemExit(1)


def look_through(file: Path, limit: int | None, journal: Journal) -> Survey:
    """Counts what the file holds and what of it is still to be done, before anything is done."""
    survey = Survey()
    for invoice in invoices(file, limit):
        survey.skipped += invoice.skipped
        if not invoice.lines:
            survey.without_lines += 1
            continue
        survey.orders += 1
        survey.lines += len(invoice.lines)
        survey.units += invoice.units
        survey.value += invoice.value
        entry = journal.find(invoice.number)
        survey.earlier += bool(entry and entry.status)
        for line in invoice.lines.values():
            survey.goods.setdefault(line.sku, line)
            if not (entry and entry.status):
                survey.demand[line.sku] += line.quantity
    return survey


def _stock_up(console: Console, file: Path, survey: Survey) -> Shelf:
    console.print(f"{file.name}: {survey.orders} orders to replay, {survey.earlier} of them done before.")
    began = time.monotonic()
    shelf = Shelf()
    shelf.stock_up([survey.goods[sku] for sku in survey.demand], survey.demand, CURRENCY)
    console.print(f"{len(survey.demand)} products are there with opening stock, {time.monotonic() - began:.1f} s.")
    return shelf


def _buy_all(buying: Buying, found: Iterable[Invoice], concurrency: int, progress: Progress) -> Result:
    result, guard = Result(), threading.Lock()

    def buy(invoice: Invoice) -> None:
        try:
            outcome: Entry | Refused = buying.buy(invoice)
        except Refused as refusal:
            outcome = refusal
        with guard:
            result.add(invoice.number, outcome)
        progress.advance()

    per_customer_queue.run((invoice for invoice in found if invoice.lines), buy, concurrency)
    return result


def _report(console: Console, survey: Survey, result: Result) -> None:
    table = Table("", "invoices", "orders", title="Replay", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    placed = sum(result.statuses.values()) - result.statuses["refused"]
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(result.statuses.items()))
    table.add_row("with lines to order", str(survey.orders), f"{placed} placed ({statuses})")
    table.add_row("lines", str(survey.lines), str(result.lines))
    table.add_row("units", str(survey.units), str(result.units))
    table.add_row(f"value, {CURRENCY}", f"{survey.value / 100:.2f}", f"{result.value / 100:.2f}")
    console.print(table)
    skipped = Table("skipped", "lines", title=f"{survey.without_lines} invoices have no line to order")
    skipped.title_justify, skipped.columns[1].justify = "left", "right"
    for reason, count in survey.skipped.most_common():
        skipped.add_row(reason, str(count))
    console.print(skipped)
    for fault in result.faults:
        console.print(fault, markup=False)
