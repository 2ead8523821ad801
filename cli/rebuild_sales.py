"""`shop rebuild-sales`: corrects the daily sales where they differ from the orders."""

import click

from cli import operator_log
from cli.terminal import console
from models.core.database import transaction
from models.operations import sales


@click.command("rebuild-sales")
def rebuild_sales() -> None:
    """Correct the daily sales where they differ from the orders, cancellations and returns.

    Needed after a rolling upgrade from a release without daily sales, or if `shop audit` says so. The shop may be in
    operation: nothing is locked.
    """
    with transaction() as session:
        corrected = sales.rebuild(session)
        if corrected:
            operator_log.record(session)
    console().print(f"{corrected} daily totals were corrected." if corrected else "The daily sales were correct.")
