"""Which programs make up the shop, and which queues each worker gets."""

import os

import pytest

from settings import QUEUES, Settings
from stack.programs import WrongSetting, api_address, flower_environment, programs, worker_groups


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("SHOP_"):
            monkeypatch.delenv(name)


def names(**settings: object) -> list[str]:
    return [program.name for program in programs(Settings(**settings))]  # type: ignore[arg-type]


def test_one_group_with_a_star_has_every_queue() -> None:
    assert worker_groups("all=*") == {"all": QUEUES}


def test_a_star_is_what_no_other_group_has() -> None:
    groups = worker_groups(" money = payments, orders ; stock=inventory; rest=* ;")
    assert groups["money"] == ("orders", "payments")
    assert groups["stock"] == ("inventory",)
    assert set(groups["rest"]) == set(QUEUES) - {"orders", "payments", "inventory"}


def test_a_queue_may_have_two_groups() -> None:
    groups = worker_groups("all=*;more=payments,orders,payments")
    assert groups["more"] == ("orders", "payments")
    assert "payments" not in groups["all"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no worker has the queue accounts"),
        ("money=payments", "add a group rest=*"),
        ("all=*;money=payment", "no queue payment;"),
        ("all", "is not of the form"),
        ("all=", "is not of the form"),
        ("All=*", "is not of the form"),
        ("a b=*", "is not of the form"),
        ("all=*;all=payments", "two groups named all"),
        (f"all={','.join(QUEUES)};rest=*", "no queue left"),
    ],
)
def test_groups_that_can_not_be_followed_are_refused(text: str, reason: str) -> None:
    with pytest.raises(WrongSetting, match=r"^SHOP_WORKER_GROUPS: ") as refusal:
        worker_groups(text)
    assert reason in str(refusal.value)


def test_servers_come_first_and_there_are_two_dispatchers() -> None:
    found = names()
    assert found[:2] == ["postgres", "redis"]
    assert set(found[2:]) == {
        "gateway", "mailbox", "api", "worker-all", "dispatcher-1", "dispatcher-2", "beat", "flower",
    }  # fmt: skip


def test_what_is_elsewhere_is_not_started_here() -> None:
    found = names(
        database_url="postgresql://db.example/shop",
        broker_url="redis://queue.example",
        stripe_api_base="https://api.stripe.com",
        smtp_url="smtp://mail.example",
    )
    assert not {"postgres", "redis", "gateway", "mailbox"} & set(found)


def test_each_group_is_a_worker_with_its_queues() -> None:
    commands = {
        p.name: p.command for p in programs(Settings(worker_groups="money=payments;rest=*", worker_concurrency=3))
    }
    money = commands["worker-money"]
    assert money[money.index("-Q") + 1] == "payments"
    assert money[money.index("-n") + 1] == "money@%h"
    assert money[money.index("--concurrency") + 1] == "3"
    assert "worker-rest" in commands


def test_the_api_is_reached_at_this_machine_when_it_listens_everywhere() -> None:
    assert api_address(Settings(api_host="0.0.0.0", api_port=81)) == "http://127.0.0.1:81"  # noqa: S104
    assert api_address(Settings(api_host="::1", api_port=81)) == "http://[::1]:81"


def test_flower_is_read_only_unless_its_own_setting_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWER_READ_ONLY", raising=False)
    assert flower_environment(Settings())["FLOWER_READ_ONLY"] == "true"
    monkeypatch.setenv("FLOWER_READ_ONLY", "false")
    assert flower_environment(Settings())["FLOWER_READ_ONLY"] == "false"


def test_a_password_that_flower_would_take_for_two_is_refused() -> None:
    with pytest.raises(WrongSetting, match="comma"):
        flower_environment(Settings(flower_password="half,and-half"))
