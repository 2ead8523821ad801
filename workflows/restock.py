"""The restock: from a purchase order to received goods; partial deliveries may take weeks."""

from durable import Parallel, Pivot, Workflow
from models.core.workflow_inputs import ActorSignal, DeliverySignal, RestockInput
from tasks import inventory, notifications

RESTOCK = Workflow(
    "restock",
    Pivot(notifications.goods_ordered),
    inventory.receive_goods,
    Parallel(notifications.order_withdrawn, notifications.goods_received),
    inventory.close_restock,
    if_refused=(inventory.withdraw_goods, notifications.restock_cancelled),
    input=RestockInput,
    signals={"delivery": DeliverySignal, "cancel": ActorSignal},
)
