"""What follows the beginning, the changes and the end of an account."""

from tasks import accounts, carts, notifications, orders
from workflows.engine import Workflow

WELCOME = Workflow("welcome", notifications.welcome)
PASSWORD_RESET = Workflow("password_reset", notifications.password_reset)
PASSWORD_CHANGED = Workflow("password_changed", notifications.password_changed)

# Orders that are on their way keep their address until they have come, so they are last.
ERASURE = Workflow("erasure", carts.forget_user, accounts.forget_answers, notifications.forget_user, orders.forget_user)
