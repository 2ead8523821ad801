"""Every process of a shop at work is killed at moments that nobody chose.

`KILL_SECONDS=600 KILL_SEED=7` in the environment makes it longer, and the same again.
"""

import os
import random
import signal
import time
from datetime import UTC, datetime

import pytest

from tests.faults.whole import Customer, Whole, busy, note

SECONDS = float(os.environ.get("KILL_SECONDS", "25"))
SEED = int(os.environ.get("KILL_SEED", "0")) or random.randrange(10**6)
WORKERS = ("worker-shop", "worker-mail")
PROGRAMS = (
    "api", *WORKERS, "dispatcher-1", "dispatcher-2", "gateway", "mailbox", "redis", "postgres", "beat",
)  # fmt: skip


@pytest.mark.timeout(SECONDS + 240)
def test_random_kills(whole: Whole) -> None:
    print(f"KILL_SEED={SEED}")
    dice = random.Random(SEED)
    customers = [Customer(whole, f"unlucky{n}") for n in range(3)]
    killed: list[str] = []
    with busy(customers):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            killed.append(_kill_something(whole, dice))
            time.sleep(dice.uniform(0.2, 2.0))
        over = datetime.now(UTC)
    print(f"killed {', '.join(killed)}; {sum(len(customer.tasks) for customer in customers)} orders")
    note("the last of many random kills", customers, over)
    whole.check(customers)


def _kill_something(whole: Whole, dice: random.Random) -> str:
    """Kills a program, or one of its children where it has any; says what."""
    name = dice.choice(PROGRAMS)
    pid = whole.pid(name)
    if name in ("api", *WORKERS) and dice.random() < 0.5 and (children := whole.children(name)):
        pid, name = dice.choice(children), f"a child of {name}"
    try:
        os.kill(pid, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
    except ProcessLookupError:
        return f"nothing ({name} was dead)"
    return name
