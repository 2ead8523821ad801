"""The checkout: from a placed order to a confirmed one, or to a cancelled and fully compensated one."""

from durable import Parallel, Pivot, Undoable, Workflow
from models.core.workflow_inputs import CheckoutInput
from tasks import carts, inventory, notifications, orders, payments

CHECKOUT = Workflow(
    "checkout",
    Undoable(inventory.reserve, undo=inventory.release),
    Undoable(payments.authorise, undo=payments.void),
    payments.await_customer,
    Pivot(orders.confirm),
    Parallel(notifications.order_confirmed, inventory.allocate, carts.remove_ordered),
    orders.complete,
    if_refused=(orders.cancel, notifications.order_cancelled),
    input=CheckoutInput,
    signals={"cancelled": None},
)
