"""Backorders: what is sold beyond stock is reordered, and customers are notified when their goods have come."""

from durable import Workflow
from models.core.workflow_inputs import BackorderedInput, BackorderFilledInput
from tasks import inventory, notifications

BACKORDERED = Workflow("backordered", inventory.reorder_backordered, input=BackorderedInput)
BACKORDER_FILLED = Workflow("backorder_filled", notifications.backorder_filled, input=BackorderFilledInput)
