"""Deletes what need not be kept any longer, a portion at a time; the rules are in `models/retention.py`."""

from durable import Workflow
from models.core.workflow_inputs import PruneInput
from tasks import accounts

CLEAN_UP = Workflow("clean_up", accounts.prune, input=PruneInput)
