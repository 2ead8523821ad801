"""`shop demo`: a whole shop for half a minute, with everything checked that it claims."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import click
import urllib3
from rich.console import Console

from cli.progress import Progress
from demo import checks, tables
from demo.checks import Check, Level
from demo.client import Client
from demo.replay.journal import Journal
from demo.shopping import Bought, go_shopping, register, shoppers
from demo.temporary_stack import INTERRUPTS, Failed, TemporaryStack

WIDTH = 150  # columns of the tables where the output is not a terminal
ADMIN = "demo-admin"
STARTING = "Starting the stack: PostgreSQL, Redis, gateway, mailbox, API, worker, dispatchers, beat, Flower"
LOOKING = "Looking at what came of it"


@click.command()
@click.option("--replay", type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
              help="Replay real invoices instead (UCI Online Retail, .csv or .csv.gz).")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="With --replay: only the first so many invoices.")
@click.option("--keep", is_flag=True, help="Leave the stack up at the end, to look around.")
def demo(replay: Path | None, limit: int | None, keep: bool) -> None:
    """Run a whole shop: customers register and buy, and everything that happened is shown and checked.

    It has a temporary data folder and free ports of its own, so that a stack that is up is not disturbed, and
    it leaves nothing behind. Exit status: 0 if every order ended as it should and the audit holds, else 1.
    """
    if limit and not replay:
        raise click.UsageError("--limit goes with --replay.")
    for number in INTERRUPTS:
        signal.signal(number, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    trial = TemporaryStack({"SHOP_CURRENCY": "GBP"} if replay else {})
    console.print(
        f"Shopflow demo: a whole shop on this machine, in a folder of its own, {trial.folder}", soft_wrap=True,
        highlight=False,
    )  # fmt: skip
    began = time.monotonic()
    try:
        found = _replay(console, trial, replay, limit) if replay else _shop(console, trial)
        if not all(check.ok for check in found):
            trial.show_logs()
    except KeyboardInterrupt:
        keep = False
        raise click.ClickException("Stopped.") from None
    except Failed as failure:  # has shown what its command said
        trial.show_logs()
        raise click.ClickException(str(failure)) from None
    except BaseException:
        trial.show_logs()
        raise
    finally:
        _leave(console, trial, keep)
    _conclude(console, found, time.monotonic() - began)


def _shop(console: Console, trial: TemporaryStack) -> list[Check]:
    """The demo itself. Returns what was checked."""
    with _phase(console, STARTING):
        trial.shop("up")
    with _phase(console, "Importing the sample catalogue"):
        console.print(f"  {trial.shop('import').strip().splitlines()[-1]}", highlight=False)
    shop = Client(trial.api)
    with _phase(console, "Making an administrator and registering twelve customers"):
        staff = _administrator(trial, shop)
        goods = {product["sku"]: product for product in shop.list("/v1/products")}
        people = shoppers(shop, list(goods))
        register(people)
    before = _levels(staff)
    wishes = sum(len(person.wishes) for person in people)
    with _phase(console, f"Placing {wishes} orders, all customers at the same time, and following their tasks"):
        ids = {sku: product["id"] for sku, product in goods.items()}
        with Progress("orders", wishes, console) as progress:
            orders = go_shopping(people, ids, lambda bought: progress.advance(_line(bought)))
    with _phase(console, LOOKING):
        mails, after, audit = _mails(trial), _levels(staff), _audit(trial)
    sold = checks.sold_in(orders)
    tables.orders(console, orders)
    tables.mails(console, mails)
    tables.stock(console, before, after, sold)
    tables.audit(console, audit)
    prices = {sku: product["price"]["amount"] for sku, product in goods.items()}
    return [
        *checks.of_orders(orders, prices), checks.of_mails(mails, checks.mails_due(orders)),
        checks.of_stock(before, after, sold), checks.of_audit(audit),
    ]  # fmt: skip


def _replay(console: Console, trial: TemporaryStack, file: Path, limit: int | None) -> list[Check]:
    """Real invoices in the place of the demo's own customers. Returns what was checked."""
    with _phase(console, STARTING):
        trial.shop("up")
    staff = _administrator(trial, Client(trial.api))
    with _phase(console, f"Replaying {file.name}"):
        status = trial.show("replay", str(file), *(["--limit", str(limit)] if limit else []))
    with _phase(console, LOOKING):
        mails, levels, audit = _mails(trial), _levels(staff), _audit(trial)
        journal = Journal(trial.folder / "replay" / "journal.sqlite")
        entries = list(journal.entries())
        journal.close()
    tables.replayed(console, entries)
    tables.mails(console, mails, tables.SHOWN)
    tables.levels(console, levels)
    tables.audit(console, audit)
    return [
        Check("every invoice has become a confirmed order of its value", status == 0, f"{len(entries)} orders"),
        checks.of_mails(mails, checks.mails_of_replay(entries)),
        checks.of_reservations(levels, sum(entry.units for entry in entries if entry.status == "confirmed")),
        checks.of_audit(audit),
    ]


@contextmanager
def _phase(console: Console, title: str) -> Iterator[None]:
    """Says what begins, and at the end how long it took."""
    console.print(f"[bold]{title}[/]", highlight=False)
    began = time.monotonic()
    yield
    console.print(f"  [dim]took {time.monotonic() - began:.1f} s[/]", highlight=False)


def _administrator(trial: TemporaryStack, shop: Client) -> Client:
    password = token_urlsafe(16)
    trial.shop("create-admin", "--username", ADMIN, "--email", f"{ADMIN}@example.com", "--password", password)
    staff = shop.another()
    staff.sign_in(ADMIN, password)
    return staff


def _levels(staff: Client) -> dict[str, Level]:
    """The stock by SKU; the trial has one warehouse."""
    return {
        level["sku"]: Level(level["on_hand"], level["reserved"], level["available"])
        for level in staff.list("/v1/stock")
    }


def _mails(trial: TemporaryStack) -> list[dict[str, Any]]:
    mails: list[dict[str, Any]] = urllib3.request("GET", f"{trial.mailbox}/messages.json").json()
    return mails


def _audit(trial: TemporaryStack) -> list[dict[str, Any]]:
    """The audit as `shop audit` gives it, whether it holds or not."""
    audit: list[dict[str, Any]] = json.loads(trial.shop("audit", "--json", statuses=(0, 1)))
    return audit


def _line(bought: Bought) -> str:
    """What became of an order, in one line."""
    end = bought.order["status"] + (f" ({bought.refusal})" if bought.refusal else "")
    return f"{bought.order['number']}  {bought.seconds:5.2f} s  {end:33}  {bought.shopper.name:16}  {bought.task['id']}"


def _leave(console: Console, trial: TemporaryStack, keep: bool) -> None:
    if keep and trial.is_up:
        console.print(
            f"\nThe stack is still up: API {trial.api}/docs, mailbox {trial.mailbox}.\n"
            f"All addresses: SHOP_VAR={trial.folder} shop status. To stop it: SHOP_VAR={trial.folder} shop down",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
        return
    with _phase(console, "Stopping the stack and removing its folder"):
        trial.end()


def _conclude(console: Console, found: list[Check], seconds: float) -> None:
    tables.checks(console, found)
    broken = [check.name for check in found if not check.ok]
    if broken:
        raise click.ClickException(f"Not everything is as it should be: {'; '.join(broken)}.")
    console.print(f"Everything is as it should be, after {seconds:.0f} s.", highlight=False)
