"""Credit notes: numbered without gaps, one for each refund."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Integer, Row, String, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from durable.ids import Id, new_id
from models import payments
from models.core.errors import NotFound
from models.orders.tables import CreditNote

_ISSUE = (
    text("""
    WITH counted AS (
        INSERT INTO orders.credit_note_counter AS counter (year, last) VALUES (:year, 1)
        ON CONFLICT (year) DO UPDATE SET last = counter.last + 1
        RETURNING 'C' || year || '-' || lpad(last::text, greatest(6, length(last::text)), '0') AS number
    )
    INSERT INTO orders.credit_note (id, number, order_id, source, amount, reason, lines)
    SELECT :id, number, :order_id, :source, :amount, :reason, :lines FROM counted RETURNING id, number
""")
    .bindparams(
        bindparam("id", type_=Id("crn")), bindparam("order_id", type_=Id("ord")), bindparam("year", type_=Integer),
        bindparam("amount", type_=BigInteger), bindparam("lines", type_=JSONB),
    )
    .columns(id=Id("crn"), number=String)
)  # fmt: skip


def issue_credit_note(
    session: Session, order_id: str, *, source: str, amount: int, reason: str | None, lines: Sequence[dict[str, object]]
) -> Row[str, str]:
    """Issues the credit note of a refund, and returns its id and number. `amount` in minor units.

    The numbers have no gaps: the year's counter is locked until the caller commits, so call this last. `source` is the
    id of what was refunded; a second credit note for it violates a unique constraint.
    """
    values = {
        "id": new_id("crn"), "order_id": order_id, "year": datetime.now(UTC).year, "source": source, "amount": amount,
        "reason": reason, "lines": list(lines),
    }  # fmt: skip
    return session.connection().execute(_ISSUE, values).one()


def credit_refund(
    session: Session, order_id: str, *, source: str, amount: int, reason: str | None, lines: Sequence[dict[str, object]]
) -> Row[str, str] | None:
    """Issues the credit note of a refund, for what is not credited yet. None: all of it is.

    More was credited than refunded if a refund has failed since: the next ones make up for it. Nothing is credited for
    one that has failed already.
    """
    live = payments.lock_refunds(session, order_id)
    credited = sum(note.amount for note in list_credit_notes(session, order_id))
    amount = min(amount, live - credited)
    if amount <= 0:
        return None
    return issue_credit_note(session, order_id, source=source, amount=amount, reason=reason, lines=lines)


def list_credit_notes(session: Session, order_id: str) -> list[CreditNote]:
    """The credit notes of an order, oldest first."""
    return list(session.scalars(select(CreditNote).where(CreditNote.order_id == order_id).order_by(CreditNote.id)))


def get_credit_note(session: Session, order_id: str, credit_note_id: str) -> CreditNote:
    """A credit note of this order. Raises NotFound."""
    note = session.get(CreditNote, credit_note_id)
    if note is None or note.order_id != order_id:
        raise NotFound("There is no such credit note.")
    return note
