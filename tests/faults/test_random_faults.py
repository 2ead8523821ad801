"""Random faults in a busy shop harm no valid order.

Environment variables: `FAULT_SECONDS=600`, `FAULT_SEED=7` (repeats the faults), `FAULT_CUSTOMERS=8` who never wait for
the end of an order, `FAULT_REPORT=file.json` or `file.md`.
"""

import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.full_stack import Customer, Stack, busy, hasty_customers, note
from tests.faults.outcome import PATIENCE, outcome, table, write
from tests.faults.random_faults import RandomFaults

pytestmark = pytest.mark.long

SECONDS = float(os.environ.get("FAULT_SECONDS", "25"))
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(10**6)
HASTY = int(os.environ.get("FAULT_CUSTOMERS", "2" if SECONDS < 100 else "8"))
PATIENT = 3
ACCOUNTS = int(min(25, max(5, SECONDS / 8)))  # per hasty customer: the maximum of concurrent orders
PAUSE = (0.2, 4.0)  # seconds between two faults


@pytest.mark.timeout(SECONDS + PATIENCE + 300)
def test_random_faults_harm_no_valid_order(stack: Stack) -> None:
    print(f"FAULT_SEED={SEED}")
    patient = [Customer(stack, f"unlucky{n}") for n in range(PATIENT)]
    hasty = hasty_customers(stack, HASTY, ACCOUNTS)
    faults, dice = RandomFaults(stack, SEED), random.Random(SEED + 1)
    with busy([*patient, *hasty]):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            faults.strike()
            time.sleep(dice.uniform(*PAUSE))
        faults.end()
        over = datetime.now(UTC)
    note("the last of many random faults", patient, over)
    found = outcome(stack, [*patient, *(account for customer in hasty for account in customer.accounts)])
    about = {"seed": SEED, "seconds": SECONDS, "customers who follow": PATIENT, "customers who never wait": HASTY}
    print(table(found, about, faults.counts))
    if report := os.environ.get("FAULT_REPORT"):
        write(Path(report), found, about, faults.counts)
    assert found.faults() == {}
