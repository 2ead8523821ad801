"""Forgets what need not be kept: old idempotency keys, sessions, tokens and guesses."""

from tasks import accounts
from workflows.engine import Workflow

CLEAN_UP = Workflow("clean_up", accounts.forget_keys, accounts.forget_sessions, accounts.forget_tries)
