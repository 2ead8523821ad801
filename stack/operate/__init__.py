"""What an operator does with a shop that is at work: its audit, its runs, its old rows, its administrators."""

from stack.operate.admin import create_admin
from stack.operate.audit import audit
from stack.operate.prune import prune
from stack.operate.runs import runs

__all__ = ["audit", "create_admin", "prune", "runs"]
