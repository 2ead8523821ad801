"""`shop demo`: runs a complete shop for a minute, a day in its life, and checks the results."""

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import urllib3
from rich.console import Console

from cli.progress import Progress
from cli.stack import command
from demo import checks, day, programme, tables
from demo.checks import Check, Level
from demo.client import Client
from demo.replay.journal import Journal
from demo.shopping import NAMES_AND_CITIES, PASSWORD, Purchase, make_customers, place_orders, register, username_of
from demo.temporary_stack import INTERRUPTS, CommandFailed, TemporaryStack

NAMES = ("on_hand", "reserved", "available")
WIDTH = 150  # columns, if the output is not a terminal
ADMIN = "demo-admin"
STARTING = "Starting the stack: PostgreSQL, Redis, gateway, mailbox, API, worker, dispatchers, beat, Flower"
CHECKING = "Checking the results"


@click.command()
@click.option("--replay", type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
              help="Replay real invoices (UCI Online Retail, .csv or .csv.gz).")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="With --replay: maximum number of invoices.")
@click.option("--keep", is_flag=True, help="Keep the stack running at the end.")
def demo(replay: Path | None, limit: int | None, keep: bool) -> None:
    """Run a complete shop: customers register and place orders, and the results are shown and checked.

    The demo uses a temporary data folder and free ports, so it does not affect a running stack, and removes everything
    at the end but the page of the report. Exit status: 0 if every order ended as expected and the audit holds,
    otherwise 1.
    """
    if limit and not replay:
        raise click.UsageError("--limit requires --replay.")
    for number in INTERRUPTS:
        signal.signal(number, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    # The customers of a replay all register from this machine.
    of_replay = {"SHOP_CURRENCY": "GBP", "SHOP_LIMIT_REGISTRATIONS": "1000000/1 minute"}
    stack = TemporaryStack(of_replay if replay else {"SHOP_WEBHOOKS_ALLOW_PRIVATE": "true"})
    console.print(
        f"Shopflow demo: a complete shop on this machine, in a temporary folder, {stack.folder}", soft_wrap=True,
        highlight=False,
    )  # fmt: skip
    began = time.monotonic()
    try:
        found = _replay(console, stack, replay, limit) if replay else _run_demo(console, stack)
        if not all(check.ok for check in found):
            stack.show_logs()
    except KeyboardInterrupt:
        keep = False
        raise click.ClickException("Stopped.") from None
    except CommandFailed as failure:  # the message includes the command's output
        stack.show_logs()
        raise click.ClickException(str(failure)) from None
    except BaseException:
        stack.show_logs()
        raise
    finally:
        _stop_or_keep(console, stack, keep, is_replay=replay is not None)
    _report(console, found, time.monotonic() - began)


def _run_demo(console: Console, stack: TemporaryStack) -> list[Check]:
    """Runs the demo. Returns its checks."""
    with _phase(console, STARTING):
        stack.shop("up")
    with _phase(console, "Importing the sample catalogue"):
        console.print(f"  {stack.shop('import').strip().splitlines()[-1]}", highlight=False)
    shop = Client(stack.api)
    with _phase(console, "Creating an administrator and registering twelve customers"):
        staff = _administrator(stack, shop)
        goods = {product["sku"]: product for product in shop.list("/v1/products")}
        customers = make_customers(shop, list(goods))
        register(customers, stack.mailbox)
    before = _levels(staff)
    planned_orders = sum(len(customer.planned_orders) for customer in customers)
    with _phase(console, f"Placing {planned_orders} orders concurrently and following their tasks"):
        ids = {sku: product["id"] for sku, product in goods.items()}
        with Progress("orders", planned_orders, console) as progress:
            orders = place_orders(customers, ids, lambda purchase: progress.advance(_format_result(purchase)))
    with _phase(console, "The rest of the day: confirmations, parcels, messages, a return, a cancellation, goods"):
        rest = day.Day(staff, stack.carrier, lambda event: console.print(_format_event(event), highlight=False))
        programme.run(rest, stack.mailbox, orders, goods, customers)
    with _phase(console, CHECKING):
        mails, after, audit = _mails(stack), _levels(staff), _audit(stack)
    sold = checks.count_sold(orders)
    reserved = Counter(sold)
    reserved.update(rest.reserved)
    tables.orders(console, orders)
    tables.mails(console, mails)
    tables.stock(console, before, after, sold)
    tables.audit(console, audit)
    prices = {sku: product["price"]["amount"] for sku, product in goods.items()}
    return [
        *checks.check_orders(orders, prices), *rest.checks,
        checks.check_mails(mails, [*checks.expected_mails(orders), *rest.mails]),
        checks.check_stock(before, after, rest.on_hand, reserved), checks.check_audit(audit),
    ]  # fmt: skip


def _replay(console: Console, stack: TemporaryStack, file: Path, limit: int | None) -> list[Check]:
    """Replays real invoices. Returns its checks."""
    with _phase(console, STARTING):
        stack.shop("up")
    staff = _administrator(stack, Client(stack.api))
    with _phase(console, f"Replaying {file.name}"):
        status = stack.show("replay", str(file), *(["--limit", str(limit)] if limit else []))
    with _phase(console, CHECKING):
        mails, levels, audit = _mails(stack), _levels(staff), _audit(stack)
        journal = Journal(stack.folder / "replay" / "journal.sqlite")
        entries, taken_back = list(journal.entries()), list(journal.taken_back())
        journal.close()
    tables.replayed(console, entries)
    tables.taken_back(console, taken_back)
    tables.mails(console, mails, tables.MAX_ROWS)
    tables.levels(console, levels)
    tables.audit(console, audit)
    return [
        Check(
            "every invoice and cancellation has the same value in the shop",
            status == 0,
            f"{len(entries)} orders, {len(taken_back)} cancelled or returned",
        ),
        checks.check_mails(mails, checks.expected_replay_mails(entries, taken_back)),
        checks.check_reservations(levels, checks.count_reserved(entries, taken_back)),
        checks.check_audit(audit),
    ]


@contextmanager
def _phase(console: Console, title: str) -> Iterator[None]:
    """Prints a title, and at the end the time it took."""
    console.print(f"[bold]{title}[/]", highlight=False)
    began = time.monotonic()
    yield
    console.print(f"  [dim]took {time.monotonic() - began:.1f} s[/]", highlight=False)


def _administrator(stack: TemporaryStack, shop: Client) -> Client:
    account = ("--username", ADMIN, "--email", f"{ADMIN}@example.com", "--password", stack.admin_password)
    stack.shop("create-admin", *account)
    staff = shop.new_client()
    staff.sign_in(ADMIN, stack.admin_password)
    return staff


def _levels(staff: Client) -> dict[str, Level]:
    """Stock levels by SKU, of all warehouses together."""
    levels: dict[str, Level] = {}
    for found in staff.list("/v1/stock"):
        before = levels.get(found["sku"], Level(0, 0, 0))
        levels[found["sku"]] = Level(*(getattr(before, name) + found[name] for name in NAMES))
    return levels


def _mails(stack: TemporaryStack) -> list[dict[str, Any]]:
    mails: list[dict[str, Any]] = urllib3.request("GET", f"{stack.mailbox}/messages.json").json()
    return mails


def _audit(stack: TemporaryStack) -> list[dict[str, Any]]:
    """The output of `shop audit`, whether it holds or not."""
    audit: list[dict[str, Any]] = json.loads(stack.shop("audit", "--json", statuses=(0, 1)))
    return audit


def _format_result(purchase: Purchase) -> str:
    """The result of an order in one line."""
    order, customer, task = purchase.order, purchase.customer, purchase.task
    end = order["status"] + (f" ({purchase.refusal})" if purchase.refusal else "")
    return f"{order['number']}  {purchase.seconds:5.2f} s  {end:33}  {customer.name:16}  {task['id']}"


def _format_event(event: day.Event) -> str:
    return f"{event.order:7} {event.what:48.48}  {event.amount:>12}  {event.id}"


def _stop_or_keep(console: Console, stack: TemporaryStack, keep: bool, *, is_replay: bool) -> None:
    if keep and stack.is_up:
        admin = f"{ADMIN}, password {stack.admin_password}"
        _, last_name, *_ = NAMES_AND_CITIES[0]
        customer = "register there" if is_replay else f"sign in as {username_of(last_name)}, password {PASSWORD}"
        shop = f"SHOP_VAR={stack.folder} {command()}"
        console.print(
            "\nThe stack is still running.\n"
            f"  shop     {stack.api}/  {customer}\n"
            f"  desk     {stack.api}/desk/  sign in as {admin}\n"
            f"  console  {stack.api}/ops/  sign in as {admin}\n"
            f"  API      {stack.api}/docs\n"
            f"  mailbox  {stack.mailbox}\n"
            f"All addresses: {shop} status\n"
            f"To stop it:    {shop} down && rm -r {stack.folder}",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
        return
    with _phase(console, "Stopping the stack and deleting its folder"):
        stack.stop()


def _report(console: Console, found: list[Check], seconds: float) -> None:
    tables.checks(console, found)
    broken = [check.name for check in found if not check.ok]
    if broken:
        raise click.ClickException(f"Checks failed: {'; '.join(broken)}.")
    console.print(f"All checks passed after {seconds:.0f} s.", highlight=False)
