"""Deletes rows whose retention period is over, in batches; see `models/operations/retention.py`."""

from durable import Workflow
from models.core.workflow_inputs import PruneInput
from tasks import accounts

CLEAN_UP = Workflow("clean_up", accounts.prune, input=PruneInput)
