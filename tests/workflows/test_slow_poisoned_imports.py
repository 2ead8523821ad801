"""A row that kills its worker, on a slow machine. The workers of test_poisoned_imports.py would take its steps."""

from contextlib import ExitStack
from typing import Any

import pytest

from durable import queries
from models import imports
from models.core.database import transaction
from tests.conftest import Caller
from tests.shop import Shop
from tests.workflows.test_catalogue_import import send, sheet, thing
from tests.workflows.test_poisoned_imports import ended


def test_a_slow_worker_finds_the_row_in_a_portion(
    seeds: Any, staff: Caller, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [thing(number) for number in range(imports.reading.CHUNK_ROWS)]
    rows[600]["sku"] = "POISON"
    with ExitStack() as exits:
        slow = Shop(tmp_path_factory.mktemp("slow"), exits)
        slow.worker(app="tests.workflows.poisoned", SLOW="1")
        slow.dispatcher()
        accepted = send(staff, sheet(*rows)).json
        made = ended(staff, accepted)
        with transaction() as session:
            lost = queries.attempts_of_step(session, accepted["task_id"], "catalogue.take[1]")
    assert (made["status"], made["created"], made["refused"], len(lost)) == ("imported", 999, 1, 3)
    assert [(row["line"], row["sku"]) for row in made["refusals"]] == [(602, "POISON")]
