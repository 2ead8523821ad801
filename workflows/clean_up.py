"""Deletes what need not be kept any longer, a portion at a time; the rules are in `models/retention.py`."""

from tasks import accounts
from workflows.engine import Workflow

CLEAN_UP = Workflow("clean_up", accounts.prune)
