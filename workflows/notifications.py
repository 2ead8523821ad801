"""Workflows about notifications themselves: tests of templates, and reports of templates that fail."""

from durable import Workflow
from models.core.workflow_inputs import TemplateFailedInput, TestInput
from tasks import notifications

NOTIFICATION_TEST = Workflow("notification_test", notifications.notification_test, input=TestInput)
TEMPLATE_FAILED = Workflow("template_failed", notifications.template_failed, input=TemplateFailedInput)
