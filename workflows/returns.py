"""A return: decided, sent back, taken into stock, replaced or refunded and credited. It may take weeks."""

from durable import Workflow
from models.core.workflow_inputs import ReturnInput
from tasks import notifications, orders, payments, returns

RETURN = Workflow(
    "return",
    returns.await_decision,
    returns.buy_label,
    notifications.return_decided,
    returns.await_goods,
    returns.refund_label,
    returns.take_in,
    returns.replace,
    payments.await_dispute,
    payments.refund_return,
    orders.credit_return,
    notifications.return_received,
    returns.finish,
    input=ReturnInput,
    signals={"decided": None, "received": None},
)
