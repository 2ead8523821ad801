"""Notifies operators of an incident that has begun or is over."""

from durable import Workflow
from models.core.workflow_inputs import IncidentInput
from tasks import notifications

INCIDENT_NOTICE = Workflow("incident_notice", notifications.incident, input=IncidentInput)
