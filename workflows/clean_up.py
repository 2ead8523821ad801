"""Forgets what need not be kept: old idempotency keys, sessions, tokens and guesses."""

from durable import Workflow
from tasks import accounts

CLEAN_UP = Workflow("clean_up", accounts.forget_keys, accounts.forget_sessions, accounts.forget_tries)
