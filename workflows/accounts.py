"""What follows the beginning, the changes and the end of an account."""

from durable import Workflow
from models.core.workflow_inputs import ResetInput, UserInput
from tasks import accounts, carts, notifications, orders

WELCOME = Workflow("welcome", notifications.welcome, input=UserInput)
PASSWORD_RESET = Workflow("password_reset", notifications.password_reset, input=ResetInput)
PASSWORD_CHANGED = Workflow("password_changed", notifications.password_changed, input=UserInput)

# Orders that are on their way keep their address until they have come, so they are last.
ERASURE = Workflow(
    "erasure",
    carts.erase_user,
    accounts.erase_answers,
    notifications.erase_user,
    orders.erase_user,
    input=UserInput,
)
