"""Phones, devices, and the channels by which customers are reached."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, text, update

from durable.tables import RunRecord
from models import accounts, notifications
from models.accounts import Device, Phone, devices
from models.accounts.phones import Verification
from models.core.database import transaction
from models.core.errors import Conflict, Invalid, NotFound
from models.notifications import contexts, kinds
from settings import Settings, settings
from tests.counting import statements
from tests.production import PRODUCTION
from tests.reaching import ENDPOINT, KEYS, NUMBER, P256DH, add_phone
from tests.shopping import make_customer


@pytest.fixture
def ada(database: None) -> str:
    return make_customer("ada")


def give(user_id: str, number: str = NUMBER) -> str:
    """The code that verifies the number."""
    with transaction() as session:
        return accounts.derive_code(accounts.set_phone(session, user_id, number))


def attempt(user_id: str, code: str) -> Verification:
    with transaction() as session:
        return accounts.verify_phone(session, user_id, code)


def ways(user_id: str, kind: notifications.Kind[Any] = kinds.ORDER_SHIPPED) -> list[str]:
    with transaction() as session:
        return sorted(way.channel for way in accounts.find_ways(session, user_id, kind))


@pytest.mark.parametrize("number", ["12345", "+49", "+4915", "0151 23456789", "+999 123456789", "call me", "+49151x23"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(Invalid) as refusal:
        accounts.parse_number(number)
    assert refusal.value.code == "invalid_phone_number"


def test_numbers_are_stored_in_e164() -> None:
    assert accounts.parse_number("+49 (151) 234-567 89") == NUMBER
    assert accounts.parse_number("+44 7400-123456") == "+447400123456"


def test_a_code_is_valid_for_five_attempts_also_at_the_same_time(ada: str) -> None:
    code = give(ada)
    wrong = [f"{(int(code) + step) % 10**6:06}" for step in range(1, 9)]

    def guess(guessed: str) -> int:
        try:
            return int(attempt(ada, guessed).attempts_left)
        except Conflict as refusal:
            return -1 if refusal.code == "code_expired" else -2

    with ThreadPoolExecutor(8) as pool:
        left = sorted(pool.map(guess, wrong))
    assert left == [-1, -1, -1, 0, 1, 2, 3, 4]
    with pytest.raises(Conflict) as refusal:
        attempt(ada, code)
    assert refusal.value.code == "code_expired"
    assert attempt(ada, give(ada)).verified  # another code


def test_a_code_expires(ada: str) -> None:
    code = give(ada)
    with transaction() as session:
        session.execute(update(Phone).values(code_expires_at=text("now() - interval '1 second'")))
    with pytest.raises(Conflict) as refusal:
        attempt(ada, code)
    assert refusal.value.code == "code_expired"


def test_the_code_of_a_replaced_number_is_not_valid(ada: str) -> None:
    first = give(ada)
    second = give(ada, "+447400123456")
    if first != second:
        assert not attempt(ada, first).verified
    verified = attempt(ada, second)
    assert (verified.phone.number, verified.verified) == ("+447400123456", True)
    for refused in (lambda: give(ada, "+447400123456"), lambda: attempt(ada, second)):
        with pytest.raises(Conflict) as refusal:
            refused()
        assert refusal.value.code == "already_verified"


def test_a_removed_number_cannot_be_verified(ada: str) -> None:
    code = give(ada)
    for _ in range(2):
        with transaction() as session:
            accounts.remove_phone(session, ada)
    with pytest.raises(NotFound):
        attempt(ada, code)


def test_channels_are_those_of_the_kind_unless_the_customer_chooses_others(ada: str) -> None:
    give(ada)
    assert ways(ada) == []  # not verified
    with transaction() as session:
        accounts.remove_phone(session, ada)
    add_phone(ada)
    assert ways(ada) == ["sms"]
    assert ways(ada, kinds.REFUNDED) == []
    with transaction() as session:
        device = accounts.add_device(session, ada, ENDPOINT, KEYS)
        accounts.set_preference(session, ada, {"order_shipped": {"push": False}, "refunded": {"sms": True}})
    assert ways(ada) == ["sms"]
    assert ways(ada, kinds.REFUNDED) == ["push", "sms"]
    assert ways(ada, kinds.WELCOME) == []
    with transaction() as session:
        accounts.remove_device(session, ada, device.id)
        notifications.record_bounce(session, NUMBER, "complaint", "STOP", None)
    assert ways(ada, kinds.REFUNDED) == []


def test_the_channels_are_found_by_one_statement(ada: str) -> None:
    with transaction() as session, statements() as sent:
        assert accounts.find_ways(session, ada, kinds.ORDER_CONFIRMED) == []
        assert accounts.find_ways(session, ada, kinds.WELCOME) == []
    assert len(sent) == 1


def test_a_kind_is_not_switched_on_for_a_channel_by_which_it_is_never_sent(ada: str) -> None:
    with transaction() as session, pytest.raises(Invalid) as refusal:
        accounts.set_preference(session, ada, {"password_reset": {"sms": True}})
    assert refusal.value.extra["errors"] == {"password_reset.sms": ["is not sent by this channel"]}


def test_a_message_is_composed_and_started_once(ada: str) -> None:
    context: contexts.Account = {"first_name": "Ada", "username": "ada"}

    def start() -> str:
        with transaction() as session:
            return notifications.start_message(
                session, kinds.PASSWORD_CHANGED, context, about="password_changed:1",
                channel="sms", recipient=NUMBER, language="de", user_id=ada,
            )  # fmt: skip

    assert start() == start()
    with transaction() as session:
        (run,) = session.scalars(select(RunRecord).where(RunRecord.workflow == "text_message"))
        told = notifications.get_notification(session, run.input["notification_id"])
        assert (told.key, told.subject) == (f"text_message:{run.key}", "Ihr Passwort wurde geändert")


def test_a_subscription_belongs_to_whoever_has_registered_it_last(ada: str) -> None:
    bob = make_customer("bob")
    with transaction() as session:
        first = accounts.add_device(session, ada, ENDPOINT, KEYS)
        again = accounts.add_device(session, bob, ENDPOINT, KEYS)
        assert (first.id, again.user_id) == (again.id, bob)
        assert session.scalars(accounts.list_devices(ada)).all() == []


def test_a_user_has_a_limited_number_of_devices(ada: str) -> None:
    with transaction() as session:
        for number in range(settings.devices):
            accounts.add_device(session, ada, f"{ENDPOINT}{number}", KEYS)
        with pytest.raises(Conflict) as refusal:
            accounts.add_device(session, ada, ENDPOINT, KEYS)
        assert refusal.value.code == "too_many_devices"
        assert accounts.add_device(session, ada, f"{ENDPOINT}1", KEYS).id  # known already


def test_an_ended_subscription_that_was_replaced_meanwhile_keeps_its_device(ada: str) -> None:
    from models.core.tokens import digest

    with transaction() as session:
        device = accounts.add_device(session, ada, ENDPOINT, KEYS)
        accounts.drop_device(session, device.id, digest("https://updates.push.example/old"))
        assert session.get(Device, device.id) is not None
        accounts.drop_device(session, device.id, digest(ENDPOINT))
        assert session.get(Device, device.id) is None


@pytest.mark.parametrize(
    "endpoint",
    ["http://push.example/x", "https://localhost/x", "https://10.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/x",
     "https://push.internal/x", "https://user@push.example/x", "https://127.0.0.1:8025/x"],
)  # fmt: skip
def test_endpoints_in_private_networks_are_refused_unless_a_setting_allows_them(
    ada: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction() as session, pytest.raises(Invalid) as refusal:
        accounts.add_device(session, ada, endpoint, KEYS)
    assert refusal.value.code == "url_not_allowed"
    monkeypatch.setattr(devices, "settings", Settings(push_allow_private=True))
    if "user@" not in endpoint:
        with transaction() as session:
            assert accounts.add_device(session, ada, endpoint, KEYS).endpoint == endpoint


def test_the_push_service_of_the_mailbox_is_allowed_outside_production() -> None:
    assert accounts.is_private_allowed(f"http://127.0.0.1:{settings.mailbox_port}/push-service/1")
    assert not accounts.is_private_allowed(f"http://127.0.0.1:{settings.mailbox_port}1/push-service/1")


@pytest.mark.parametrize(
    "keys", [{"p256dh": "B" + P256DH[1:][::-1]}, {"p256dh": P256DH[:-4]}, {"p256dh": ""}, {"auth": "AAAA"}]
)
def test_keys_that_are_none_are_refused(keys: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        devices.check_keys({**KEYS, **keys})


def test_a_setting_without_keys_or_provider_offers_no_channel(ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.accounts import phones

    bare = Settings(env="production", **PRODUCTION)  # type: ignore[arg-type]
    assert (bare.sms, bare.vapid, bare.mailbox) == ((), "", "")
    for module, add in (
        (phones, lambda session: accounts.set_phone(session, ada, NUMBER)),
        (devices, lambda session: accounts.add_device(session, ada, ENDPOINT, KEYS)),
    ):
        monkeypatch.setattr(module, "settings", bare)
        with transaction() as session, pytest.raises(Conflict) as refusal:
            add(session)
        assert refusal.value.code == "channel_unavailable"
