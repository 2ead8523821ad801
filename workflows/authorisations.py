"""Authorisations that end soon: found hourly, checked at the provider, and their orders flagged for staff."""

from durable import Workflow
from models.core.workflow_inputs import AuthorisationInput, SlotInput
from tasks import notifications, payments

EXPIRING_AUTHORISATIONS = Workflow("expiring_authorisations", payments.find_expiring, input=SlotInput)
AUTHORISATION_CHECK = Workflow(
    "authorisation_check",
    payments.check_authorisation,
    notifications.authorisation_ends,
    input=AuthorisationInput,
)
