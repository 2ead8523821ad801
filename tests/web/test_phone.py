"""The phone number on the pages: given, confirmed, replaced and removed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from durable.tables import RunRecord
from models import accounts, notifications
from models.core.database import transaction
from settings import Settings
from tests.production import PRODUCTION
from tests.reaching import NUMBER
from tests.web.conftest import Browser
from web.once import new_token

PAGE = "/account/phone"


@pytest.fixture
def ada(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("ada")


def give(browser: Browser, number: str = NUMBER, **fields: str) -> Any:
    return browser.send(PAGE, {"number": number, "once": new_token(), **fields}, page="/account")


def confirm(browser: Browser, code: str, **fields: str) -> Any:
    return browser.send(f"{PAGE}/confirm", {"code": code, "once": new_token(), **fields}, page="/account")


def stored() -> accounts.Phone | None:
    with transaction() as session:
        return session.scalars(select(accounts.Phone)).one_or_none()


def right_code() -> str:
    found = stored()
    assert found is not None
    return accounts.derive_code(found.code_of)


def wrong_code() -> str:
    return f"{(int(right_code()) + 1) % 10**6:06}"


def runs() -> int:
    with transaction() as session:
        return len(session.scalars(select(RunRecord.id).where(RunRecord.workflow == "verify_phone")).all())


def test_a_number_is_given_confirmed_and_removed(ada: Browser) -> None:
    assert "Add your number" in ada.get(PAGE).text
    given = give(ada, "+49 151 23456789")
    assert (given.status_code, given.headers["Location"]) == (303, f"{PAGE}?done=code_sent")
    page = ada.get(given.headers["Location"]).text
    assert (NUMBER in page, "not confirmed yet" in page, "A text message with a code" in page) == (True, True, True)
    code = right_code()
    assert code not in page
    confirmed = confirm(ada, f"{code[:3]} {code[3:]}")
    assert confirmed.headers["Location"] == f"{PAGE}?done=phone_confirmed"
    page = ada.get(confirmed.headers["Location"]).text
    assert ("Your phone number is confirmed" in page, "Confirm the number" in page) == (True, False)
    for _ in range(2):
        removed = ada.send(f"{PAGE}/remove", page=PAGE)
        assert removed.headers["Location"] == f"{PAGE}?done=phone_removed"
    assert stored() is None


def test_a_form_that_is_sent_twice_sends_one_code(ada: Browser) -> None:
    token = new_token()
    assert [give(ada, once=token).status_code for _ in range(2)] == [303, 303]
    assert runs() == 1


def test_a_wrong_code_says_how_many_attempts_are_left(ada: Browser) -> None:
    give(ada)
    wrong = wrong_code()
    for text in ("4 attempts are left", "3 attempts are left", "2 attempts are left", "1 attempt is left"):
        refused = confirm(ada, wrong)
        assert (refused.status_code, text in refused.text, wrong in refused.text) == (422, True, False)
    assert "1 attempt is left" in ada.get(PAGE).text
    last = confirm(ada, wrong)
    assert (last.status_code, "it was tried too often" in last.text) == (422, True)
    assert "Confirm the number" not in last.text
    expired = confirm(ada, right_code())
    assert (expired.status_code, "The code is not valid any more" in expired.text) == (422, True)


def test_a_wrong_code_that_is_sent_twice_counts_once(ada: Browser) -> None:
    give(ada)
    token, wrong = new_token(), wrong_code()
    assert [confirm(ada, wrong, once=token).status_code for _ in range(2)] == [422, 303]
    found = stored()
    assert found is not None
    assert found.attempts == 1


def test_what_is_no_code_is_no_attempt(ada: Browser) -> None:
    give(ada)
    for code in ("", "12345", "12345x", "\uff11" * 6):
        refused = confirm(ada, code)
        assert (refused.status_code, "Enter the six digits" in refused.text) == (422, True)
    found = stored()
    assert found is not None
    assert found.attempts == 0


def test_an_expired_code_is_refused_and_another_one_works(ada: Browser) -> None:
    give(ada)
    code = right_code()
    with transaction() as session:
        session.execute(update(accounts.Phone).values(code_expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    refused = confirm(ada, code)
    assert (refused.status_code, "The code is not valid any more" in refused.text) == (422, True)
    assert "The code cannot be used any more" in ada.get(PAGE).text
    assert give(ada).status_code == 303
    assert code != right_code()
    assert confirm(ada, right_code()).status_code == 303


def test_a_code_for_a_number_that_is_gone_or_confirmed_in_another_tab(ada: Browser) -> None:
    refused = confirm(ada, "123456")
    assert (refused.status_code, "You have given no phone number" in refused.text) == (422, True)
    give(ada)
    code = right_code()
    assert [confirm(ada, code).headers["Location"] for _ in range(2)] == [f"{PAGE}?done=phone_confirmed"] * 2


@pytest.mark.parametrize("number", ["+49 1", "0151 23456789", "12345", "+99 123456789", "", "x" * 50])
def test_what_is_no_number_is_refused_and_changes_nothing(ada: Browser, number: str) -> None:
    refused = give(ada, number)
    assert (refused.status_code, 'aria-invalid="true"' in refused.text) == (422, True)
    assert (stored(), runs()) == (None, 0)


def test_a_number_that_is_confirmed_gets_no_other_code_and_another_one_replaces_it(ada: Browser) -> None:
    give(ada)
    confirm(ada, right_code())
    refused = give(ada)
    assert (refused.status_code, "verified already" in refused.text) == (422, True)
    assert "It replaces the present number at once" in refused.text
    assert give(ada, "+447400123456").status_code == 303
    found = stored()
    assert found is not None
    assert (found.number, found.verified_at) == ("+447400123456", None)


def test_too_many_codes_say_how_long_to_wait(ada: Browser) -> None:
    numbers = [NUMBER, "+447400123456", "+4915123456780"]
    assert [give(ada, number).status_code for number in numbers] == [303] * 3
    refused = give(ada, "+4915123456781")
    assert (refused.status_code, "You can try again in 20 minutes" in refused.text) == (429, True)
    assert int(refused.headers["Retry-After"]) > 1000
    found = stored()
    assert found is not None
    assert found.number == numbers[-1]


def test_a_number_to_which_nothing_arrives_is_told_to_whom_it_belongs(ada: Browser) -> None:
    give(ada)
    with transaction() as session:
        notifications.suppress(session, NUMBER, "refused", "unknown subscriber")
    assert "did not arrive" not in ada.get(PAGE).text  # it may be somebody else's
    confirm(ada, right_code())
    with transaction() as session:
        notifications.suppress(session, NUMBER, "refused", "unknown subscriber")
    assert "did not arrive" in ada.get(PAGE).text


def test_a_shop_without_text_messages_offers_none_and_lets_the_number_be_removed(
    ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.accounts import phones
    from web.shop.account import acting

    give(ada)
    bare = Settings(env="production", **PRODUCTION)  # type: ignore[arg-type]
    for module in (phones, acting):
        monkeypatch.setattr(module, "settings", bare)
    page = ada.get(PAGE).text
    assert ("sends no text messages" in page, "Remove the number" in page, "Send the code" in page) == (
        True, True, False,
    )  # fmt: skip
    assert f'href="{PAGE}"' not in ada.get("/account").text
    refused = give(ada, "+447400123456")
    assert (refused.status_code, "This shop sends no text messages." in refused.text) == (422, True)
    assert ada.send(f"{PAGE}/remove", page="/account").status_code == 303


def test_refusals_are_in_german(ada: Browser) -> None:
    german = {"Accept-Language": "de"}
    token = {"once": new_token()}
    refused = ada.send(PAGE, {"number": "+49 1", **token}, page="/account", headers=german)
    assert "Das ist keine Telefonnummer." in refused.text
    give(ada)
    form = {"code": wrong_code(), "once": new_token()}
    assert "Es bleiben 4 Versuche." in ada.send(f"{PAGE}/confirm", form, page="/account", headers=german).text


def test_the_preferences_lead_to_the_number(ada: Browser) -> None:
    assert "For text messages we need your phone number." in ada.get("/account/notifications").text
    give(ada)
    assert "For text messages we need your phone number." in ada.get("/account/notifications").text
    confirm(ada, right_code())
    assert f"Text messages go to {NUMBER}." in ada.get("/account/notifications").text
