"""Forgets what need not be kept: old idempotency keys and sessions."""

from tasks import accounts
from workflows.engine import Workflow

CLEAN_UP = Workflow("clean_up", accounts.forget_keys, accounts.forget_sessions)
