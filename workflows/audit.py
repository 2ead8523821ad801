"""The audit: checks every invariant once, outside the request that asks for it. What is wrong is the run's result."""

from durable import Workflow
from tasks import auditing

AUDIT = Workflow("audit", auditing.check_invariants)
