"""Stock has come down to its reorder point: more is ordered where somebody has said how much, and staff are told."""

from tasks import inventory, notifications
from workflows.engine import Pivot, Workflow

LOW_STOCK = Workflow("low_stock", Pivot(inventory.reorder), notifications.stock_low)
