"""Low stock: reorders the product, if it has a reorder quantity, and notifies staff."""

from durable import Workflow
from models.core.workflow_inputs import LowStockInput
from tasks import inventory, notifications

LOW_STOCK = Workflow("low_stock", inventory.reorder, notifications.stock_low, input=LowStockInput)
