"""Stock has come down to its reorder point: more is ordered where somebody has said how much, and staff are told."""

from durable import Workflow
from models.core.workflow_inputs import LowStockInput
from tasks import inventory, notifications

LOW_STOCK = Workflow("low_stock", inventory.reorder, notifications.stock_low, input=LowStockInput)
