"""Notifies staff of a webhook endpoint that was disabled."""

from durable import Workflow
from models.core.workflow_inputs import WebhookDisabledInput
from tasks import notifications

WEBHOOK_DISABLED = Workflow("webhook_disabled", notifications.webhook_disabled, input=WebhookDisabledInput)
