"""Money of goods that are cancelled: what is not captured yet never is, the rest is refunded."""

from sqlalchemy.orm import Session

from models.core.errors import GatewayDown
from models.payments.queries import lock_payment
from models.payments.settling import find_pending, open_refund
from models.payments.tables import Transaction


def reduce_capture(session: Session, payment_id: str, amount: int) -> bool:
    """Reduces what will be captured of an authorised payment by `amount` (minor units).

    False: it is captured or being captured, so that the amount has to be refunded. Raises NotFound.
    """
    payment = lock_payment(session, payment_id)
    if payment.status != "authorised" or find_pending(session, payment_id, "capture"):
        return False
    payment.cancelled += amount
    session.flush()
    return True


def reduce_or_refund(session: Session, payment_id: str, amount: int, run_id: str) -> Transaction | None:
    """Opens the refund of `amount` (minor units), at most of what is left, or reduces what will be captured.

    None: it was reduced, or nothing is left to refund. Raises GatewayDown while a capture or another refund is pending.
    """
    lock_payment(session, payment_id)
    if find_pending(session, payment_id, "capture"):
        raise GatewayDown("A capture of this payment is pending.")
    return None if reduce_capture(session, payment_id, amount) else open_refund(session, payment_id, amount, run_id)
