"""Products that are available again: a check, hourly and after some events, and a mail to each who waits."""

from durable import Workflow
from models.core.workflow_inputs import StockCheckInput, WaitingInput
from tasks import inventory, notifications

BACK_IN_STOCK_CHECK = Workflow("back_in_stock_check", inventory.notify_waiting, input=StockCheckInput)
BACK_IN_STOCK = Workflow("back_in_stock", notifications.back_in_stock, input=WaitingInput)
