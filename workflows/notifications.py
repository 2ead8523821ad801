"""Workflows that only notify: of what has not happened in time, of templates that fail, and tests of templates."""

from durable import Workflow
from models.core.workflow_inputs import ActionInput, ParcelInput, TemplateFailedInput, TestInput
from tasks import notifications

ACTION_NEEDED = Workflow("action_needed", notifications.action_needed, input=ActionInput)
DELAY_NOTICE = Workflow("delay_notice", notifications.order_delayed, input=ParcelInput)
NOTIFICATION_TEST = Workflow("notification_test", notifications.notification_test, input=TestInput)
TEMPLATE_FAILED = Workflow("template_failed", notifications.template_failed, input=TemplateFailedInput)
