"""A bank transfer end to end, with a real worker."""

from collections.abc import Callable
from typing import Any

from durable.tests.driving import ended, start, statuses
from durable.tests.outside import behave, visits

INPUT = {"source": "ada", "target": "bob", "amount": 30}


def test_a_transfer_moves_the_money_once(work: Callable[..., Any], accounts: Callable[..., Any]) -> None:
    accounts(ada=100, bob=0)
    work()
    run = ended(start("transfer", INPUT))
    assert (run.status, run.result) == ("succeeded", {"amount": 30, "statement": True})
    assert accounts() == {"ada": 70, "bob": 30}
    assert sorted(visit.name for visit in visits()) == ["bank.statement", "clearing.clear", "mail.confirm"]


def test_a_refused_transfer_is_compensated_and_the_customer_notified(
    work: Callable[..., Any], accounts: Callable[..., Any]
) -> None:
    accounts(ada=100, bob=0)
    behave("clearing.clear", refuse=True)
    work()
    run_id = start("transfer", INPUT)
    run = ended(run_id)
    assert run.status == "cancelled"
    assert run.error == {"status": 409, "code": "no", "detail": "clearing.clear says no.", "step": "clearing.clear"}
    assert accounts() == {"ada": 100, "bob": 0}
    assert statuses(run_id) == {
        "bank.withdraw": "done", "clearing.clear": "refused", "undo:bank.withdraw": "done", "bank.reject": "done",
        "mail.regret": "done",
    }  # fmt: skip


def test_a_refusal_by_the_first_step_undoes_nothing(work: Callable[..., Any], accounts: Callable[..., Any]) -> None:
    accounts(ada=10, bob=0)
    work()
    run_id = start("transfer", INPUT)
    run = ended(run_id)
    assert run.error is not None
    assert (run.status, run.error["code"]) == ("cancelled", "insufficient_funds")
    assert statuses(run_id) == {"bank.withdraw": "refused", "bank.reject": "done", "mail.regret": "done"}
