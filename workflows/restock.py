"""From a purchase order to the goods on the shelves; a delivery may come in parts, and take weeks."""

from tasks import inventory, notifications
from workflows.engine import Parallel, Pivot, Workflow

RESTOCK = Workflow(
    "restock",
    Pivot(notifications.goods_ordered),
    inventory.receive_goods,
    Parallel(notifications.order_withdrawn, notifications.goods_received),
    inventory.close_restock,
    if_refused=(inventory.withdraw_goods,),
)
