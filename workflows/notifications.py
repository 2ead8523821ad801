"""Workflows that only notify: of what has not happened in time, of templates that fail, and tests of templates; and one
run per text message or push notification, so that none of them delays anything else."""

from durable import Workflow
from models.core.workflow_inputs import (
    ActionInput,
    MessageInput,
    ParcelInput,
    TemplateFailedInput,
    TestInput,
    UserInput,
)
from tasks import notifications

ACTION_NEEDED = Workflow("action_needed", notifications.action_needed, input=ActionInput)
DELAY_NOTICE = Workflow("delay_notice", notifications.order_delayed, input=ParcelInput)
NOTIFICATION_TEST = Workflow("notification_test", notifications.notification_test, input=TestInput)
TEMPLATE_FAILED = Workflow("template_failed", notifications.template_failed, input=TemplateFailedInput)
TEXT_MESSAGE = Workflow("text_message", notifications.text_message, input=MessageInput)
PUSH_MESSAGE = Workflow("push_message", notifications.push_message, input=MessageInput)
VERIFY_PHONE = Workflow("verify_phone", notifications.verification_code, input=UserInput)
