"""The programs of the shop, and the queues of each worker."""

import os

import pytest

from local.processes import InvalidSetting, WorkerGroup, flower_environment, processes, worker_groups
from settings import QUEUES, Settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("SHOP_"):
            monkeypatch.delenv(name)


def names(**settings: object) -> list[str]:
    return [program.name for program in processes(Settings(**settings))]  # type: ignore[arg-type]


def groups(text: str) -> dict[str, WorkerGroup]:
    return worker_groups(Settings(worker_groups=text, worker_concurrency=5))


def test_a_single_group_with_a_star_consumes_every_queue() -> None:
    assert groups("all=*") == {"all": WorkerGroup(QUEUES, (), 5)}


def test_a_star_stands_for_the_queues_of_no_other_group() -> None:
    found = groups(" money = payments, orders ; stock=inventory; rest=* ;")
    assert found["money"].queues == ("orders", "payments")
    assert found["stock"].queues == ("inventory",)
    assert set(found["rest"].queues) == set(QUEUES) - {"orders", "payments", "inventory"}


def test_a_queue_may_belong_to_two_groups() -> None:
    found = groups("all=*;more=payments,orders,payments")
    assert found["more"].queues == ("orders", "payments")
    assert "payments" not in found["all"].queues


def test_a_group_may_call_in_place_for_queues_that_it_does_not_consume() -> None:
    found = groups("shop=* / reports, notifications;mail=notifications;bulk=reports/")
    assert found["shop"].in_place == ("notifications", "reports")
    assert not {"notifications", "reports"} & set(found["shop"].queues)
    assert found["bulk"].in_place == ()


def test_a_group_may_set_its_concurrency() -> None:
    found = groups("shop=*;mail : 4 = notifications;bulk=reports;more:1=*")
    assert {name: group.concurrency for name, group in found.items()} == {"shop": 5, "mail": 4, "bulk": 2, "more": 1}


def test_mail_and_bulk_work_have_their_own_workers_by_default() -> None:
    found = worker_groups(Settings())
    assert found["shop"].queues == (
        "accounts", "access", "carts", "orders", "payments", "inventory", "fulfilment", "returns",
    )  # fmt: skip
    assert found["shop"].in_place == ("notifications",)
    assert found["mail"].queues == ("notifications", "mass_mail")
    assert found["messages"].queues == ("sms", "push")
    assert found["bulk"].queues == ("catalogue", "reports", "pictures")


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
        ("all:0=*", "is not of the form"),
        ("all:many=*", "is not of the form"),
        ("all=/payments;rest=*", "is not of the form"),
        ("all=*/payment;more=payments", "no queue payment;"),
        ("all=*/*", "no queue *;"),
        ("all=*/payments", "the group all consumes payments"),
        ("all=*/payments;more=payments/payments", "the group more consumes payments"),
        (f"all={','.join(QUEUES)};rest=*", "no queue left"),
    ],
)
def test_invalid_groups_are_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^SHOP_WORKER_GROUPS: ") as refusal:
        groups(text)
    assert reason in str(refusal.value)


def test_servers_start_first_and_there_are_two_dispatchers() -> None:
    found = names()
    assert found[:2] == ["postgres", "redis"]
    assert set(found[2:]) == {
        "gateway", "carrier", "paypal", "mailbox", "api", "rpc", "worker-shop", "worker-mail", "worker-messages",
        "worker-bulk", "dispatcher-1", "dispatcher-2", "relay", "webhooks", "metrics", "beat",
        "flower",
    }  # fmt: skip


def test_external_servers_are_not_started() -> None:
    found = names(
        database_url="postgresql://db.example/shop",
        broker_url="redis://queue.example",
        stripe_api_base="https://api.stripe.com",
        carrier_api_base="https://api.easypost.com/v2",
        paypal_base="https://api-m.paypal.com",
        smtp_url="smtp://mail.example",
    )
    assert not {"postgres", "redis", "gateway", "paypal", "carrier", "mailbox"} & set(found)


def test_each_group_is_a_worker_with_its_queues() -> None:
    found = {p.name: p for p in processes(Settings(worker_groups="money:4=payments;rest=*/payments"))}
    money = found["worker-money"].command
    assert money[money.index("-Q") + 1] == "payments"
    assert money[money.index("-n") + 1] == "money@%h"
    assert money[money.index("--concurrency") + 1] == "4"
    assert found["worker-money"].environment == {"SHOP_IN_PLACE": ""}
    assert found["worker-rest"].environment == {"SHOP_IN_PLACE": "payments"}


def test_the_address_of_a_wildcard_listener_is_localhost() -> None:
    for host, bind, local in (
        ("0.0.0.0", "0.0.0.0:81", "http://127.0.0.1:81"),  # noqa: S104
        ("::", "[::]:81", "http://[::1]:81"),
        ("::1", "[::1]:81", "http://[::1]:81"),
        ("shop.example", "shop.example:81", "http://shop.example:81"),
    ):
        settings = Settings(api_host=host, api_port=81)
        assert (settings.api_bind, settings.api_local) == (bind, local)


def test_flower_is_read_only_unless_configured_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWER_READ_ONLY", raising=False)
    assert flower_environment(Settings())["FLOWER_READ_ONLY"] == "true"
    monkeypatch.setenv("FLOWER_READ_ONLY", "false")
    assert flower_environment(Settings())["FLOWER_READ_ONLY"] == "false"


def test_a_flower_password_with_a_comma_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="comma"):
        flower_environment(Settings(flower_password="half,and-half"))
