"""Runs the audit and violates its invariants."""

from sqlalchemy import func, select, text

from models.core.database import transaction
from models.operations import audit
from models.operations.audit import Finding, Ledger
from tests.models.sales import Sale


def ledger(*sales: Sale) -> Ledger:
    """The current ledger of the gateway."""
    with transaction() as session:
        asked_at = session.scalars(select(func.clock_timestamp())).one()
    return Ledger(asked_at, [sale.held for sale in sales if sale.held])


def check(of: Ledger) -> dict[str, Finding]:
    with transaction() as session:
        return {finding.name: finding for finding in audit.audit(session, of)}


def broken(of: Ledger) -> dict[str, list[str]]:
    return {finding.name: finding.examples for finding in check(of).values() if not finding.ok}


def change(statement: str, **values: object) -> None:
    with transaction() as session:
        session.execute(text(statement), values)
