"""Workflows of accounts: confirmed addresses, welcome mails, passwords, and erasure."""

from durable import Workflow
from models.core.workflow_inputs import NewDeviceInput, ResetInput, SignInInput, UserInput
from tasks import accounts, carts, inventory, notifications, orders, reports, returns

WELCOME = Workflow("welcome", notifications.welcome, input=UserInput)
CONFIRM_ADDRESS = Workflow("confirm_address", notifications.confirm_address, input=UserInput)
HELD_MAIL = Workflow("held_mail", notifications.held_mail, input=UserInput)
PASSWORD_RESET = Workflow("password_reset", notifications.password_reset, input=ResetInput)
PASSWORD_CHANGED = Workflow("password_changed", notifications.password_changed, input=UserInput)
EMAIL_CHANGING = Workflow("email_changing", notifications.email_changing, input=UserInput)
CONFIRM_NEW_EMAIL = Workflow("confirm_new_email", notifications.confirm_new_email, input=UserInput)
NEW_DEVICE = Workflow("new_device", notifications.new_device, input=NewDeviceInput)
SIGN_IN_CHANGED = Workflow("sign_in_changed", notifications.sign_in_changed, input=SignInInput)

# Orders in progress keep their address until they are delivered, so this step is last.
ERASURE = Workflow(
    "erasure",
    carts.erase_user,
    inventory.erase_user,
    accounts.erase_answers,
    notifications.erase_user,
    reports.erase_user,
    returns.erase_user,
    orders.erase_user,
    input=UserInput,
)
