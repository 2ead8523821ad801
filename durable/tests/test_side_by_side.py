"""Members of a parallel stage and items of an Each run concurrently on all workers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from durable.testing import worker
from durable.tests.app import QUEUES
from durable.tests.driving import ended, run_of, start, statuses, steps_of, wait_until
from durable.tests.outside import behave, most_at_once, visits


@pytest.fixture(scope="module", autouse=True)
def _workers(tables: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    log: Path = tmp_path_factory.mktemp("workers") / "log"
    with worker("durable.tests.app", *QUEUES, concurrency=4, log=log):
        yield


def side_by_side(*names: str, workflow: str, least: int, **input: Any) -> None:
    for name in names:
        behave(name, sleep=2.0)
    run_id = start(workflow, input)
    assert ended(run_id).status == "succeeded"
    found = [visit for visit in visits() if visit.name in names]
    # Two workers may begin the same local step; the transaction of one of them is rolled back.
    assert {visit.name for visit in found} == set(names)
    assert {steps_of(run_id)[name].attempts for name in names} == {1}
    assert most_at_once(found) >= least


def test_four_members_run_concurrently() -> None:
    side_by_side(*(f"odd.member_{n}" for n in range(4)), workflow="four", least=4)


def test_members_after_a_local_step_run_concurrently() -> None:
    side_by_side(*(f"odd.later_{n}" for n in range(4)), workflow="four_later", least=3)


def test_long_steps_run_concurrently() -> None:
    side_by_side(*(f"odd.long_{n}" for n in range(3)), workflow="long", least=3)


def test_three_external_calls_run_concurrently() -> None:
    side_by_side("booking.flight", "booking.hotel", "booking.car", workflow="trip", least=3, travellers=[])


def test_items_run_concurrently() -> None:
    travellers = ["ada", "bob", "cy", "dee"]
    names = [f"trips.ticket[{traveller}]" for traveller in travellers]
    side_by_side(*names, workflow="trip", least=3, travellers=travellers)  # the fourth process may still be publishing


def test_external_calls_of_items_run_concurrently() -> None:
    travellers = ["ada", "bob", "cy", "dee"]
    names = [f"trips.visa[{traveller}]" for traveller in travellers]
    side_by_side(*names, workflow="abroad", least=3, travellers=travellers)


def test_each_item_has_its_own_request_key_and_attempts() -> None:
    behave("trips.visa[bob]", down=True, times=1)
    run_id = start("abroad", {"travellers": ["ada", "bob", "cy", "dee", "eve", "native"]})
    run = ended(run_id)
    assert run.status == "succeeded"
    assert run.result
    assert run.result["bob"] == {"traveller": "bob", "visits": 2}
    assert run.result["native"] is None  # no call is needed
    assert {(one.name, one.key, one.request["traveller"]) for one in visits()} == {
        (f"trips.visa[{name}]", f"{run_id}:trips.visa[{name}]", name) for name in ("ada", "bob", "cy", "dee", "eve")
    }
    assert len(visits("trips.visa[ada]")) == 1


def test_a_failed_member_does_not_repeat_its_siblings_call() -> None:
    behave("booking.hotel", sleep=1.5)
    behave("booking.flight", fail=True, times=1)
    run_id = start("trip", {"travellers": ["ada"]})
    wait_until(lambda: "booking.flight" in statuses(run_id) and steps_of(run_id)["booking.flight"].error)
    wait_until(lambda: visits("booking.hotel"))
    assert visits("booking.hotel")[0].end is None
    assert run_of(run_id).generation == 0
    assert ended(run_id).status == "succeeded"
    assert len(visits("booking.hotel")) == 1
    steps = steps_of(run_id)
    assert (steps["booking.hotel"].attempts, steps["booking.hotel"].output) == (1, {"visits": 1})
    assert (steps["booking.flight"].attempts, steps["booking.car"].attempts) == (2, 1)
