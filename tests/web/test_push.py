"""Push notifications on the pages: browsers are added, tested and removed."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from durable.tables import RunRecord
from models import accounts
from models.core.database import transaction
from settings import Settings
from tests.production import PRODUCTION
from tests.reaching import ENDPOINT, KEYS, add_device
from tests.web.conftest import Browser
from web.once import new_token

PAGE = "/account/push"
SUBSCRIPTION = {"endpoint": ENDPOINT, "expirationTime": None, "keys": KEYS}


@pytest.fixture
def ada(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("ada")


def add(browser: Browser, subscription: Any = SUBSCRIPTION, **fields: str) -> Any:
    form = {"subscription": json.dumps(subscription), "once": new_token(), **fields}
    return browser.send(PAGE, form, page="/account")


def paths(browser: Browser) -> list[str]:
    return re.findall(rf'action="({PAGE}/dev_\w+)/remove"', browser.get(PAGE).text)


def count_tests() -> int:
    with transaction() as session:
        return len(session.scalars(select(RunRecord.id).where(RunRecord.workflow == "push_message")).all())


def test_a_browser_is_added_tested_and_removed(ada: Browser) -> None:
    page = ada.get(PAGE).text
    assert "No browser gets push notifications yet." in page
    assert "Push notifications need JavaScript." in page
    assert re.search(r'<form method="post" action="/account/push" data-push="\w[\w-]{86}" hidden>', page)
    added = add(ada)
    assert (added.status_code, added.headers["Location"]) == (303, f"{PAGE}?done=push_added")
    page = ada.get(added.headers["Location"]).text
    assert ("This browser gets push notifications" in page, "updates.push.example" in page) == (True, True)
    assert "It has got no notification yet." in page
    [path] = paths(ada)
    tested = ada.send(f"{path}/test", {"once": new_token()}, page=PAGE)
    assert tested.headers["Location"] == f"{PAGE}?done=push_tested"
    assert count_tests() == 1
    assert ada.send(f"{path}/remove", page=PAGE).headers["Location"] == f"{PAGE}?done=push_removed"
    assert paths(ada) == []
    assert ada.send(f"{path}/remove", page=PAGE).status_code == 404


def test_the_page_knows_subscriptions_by_their_digests_only(ada: Browser) -> None:
    add(ada)
    page = ada.get(PAGE).text
    assert f'data-subscription="{hashlib.sha256(ENDPOINT.encode()).hexdigest()}"' in page
    assert not any(secret in page for secret in (ENDPOINT, *KEYS.values()))


def test_forms_that_are_sent_twice_take_effect_once(ada: Browser) -> None:
    token = new_token()
    assert [add(ada, once=token).status_code for _ in range(2)] == [303, 303]
    assert add(ada).status_code == 303  # the same browser again
    [path] = paths(ada)
    assert [ada.send(f"{path}/test", {"once": token * 2}, page=PAGE).status_code for _ in range(2)] == [303, 303]
    assert count_tests() == 1


@pytest.mark.parametrize(
    ("subscription", "text"),
    [
        ({}, "has sent no subscription"),
        ([], "has sent no subscription"),
        ({**SUBSCRIPTION, "endpoint": "ftp://push.example/x"}, "has sent no subscription"),
        ({**SUBSCRIPTION, "keys": {**KEYS, "auth": "short"}}, "has sent no subscription"),
        ({**SUBSCRIPTION, "keys": {**KEYS, "p256dh": "B" + "A" * 86}}, "cannot send notifications to this browser"),
        ({**SUBSCRIPTION, "endpoint": "https://127.0.0.1/x"}, "cannot send notifications to this browser"),
    ],
)
def test_what_is_no_subscription_is_refused(ada: Browser, subscription: Any, text: str) -> None:
    refused = add(ada, subscription)
    assert (refused.status_code, text in refused.text, paths(ada)) == (422, True, [])


def test_what_is_not_json_is_refused(ada: Browser) -> None:
    for text in ("", "x", "[" * 100_000):
        refused = ada.send(PAGE, {"subscription": text, "once": new_token()}, page="/account")
        assert (refused.status_code, "has sent no subscription" in refused.text) == (422, True)


def test_a_browser_of_somebody_else_is_neither_tested_nor_removed(
    ada: Browser, signed_in: Callable[..., Browser]
) -> None:
    add(ada)
    [path] = paths(ada)
    eve = signed_in("eve")
    assert eve.send(f"{path}/test", {"once": new_token()}).status_code == 404
    assert eve.send(f"{path}/remove").status_code == 404
    assert (paths(ada), count_tests()) == ([path], 0)


def test_a_customer_has_as_many_browsers_as_the_shop_allows(ada: Browser) -> None:
    with transaction() as session:
        user_id = session.scalars(select(accounts.User.id)).one()
    for number in range(20):
        add_device(user_id, {**SUBSCRIPTION, "endpoint": f"{ENDPOINT}{number}"})
    refused = add(ada)
    assert (refused.status_code, "as many devices as the shop allows" in refused.text) == (422, True)
    assert len(paths(ada)) == 20


def test_too_many_tests_say_how_long_to_wait(ada: Browser) -> None:
    add(ada)
    [path] = paths(ada)
    answers = [ada.send(f"{path}/test", {"once": new_token()}, page=PAGE) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [303] * 10 + [429]
    assert "You can try again in 1 minute." in answers[-1].text


def test_only_this_page_may_register_a_service_worker(ada: Browser) -> None:
    allowed = dict(part.split(" ", 1) for part in ada.get(PAGE).headers["Content-Security-Policy"].split("; "))
    assert (allowed["worker-src"], allowed["script-src"]) == ("'self'", "'self'")
    for path in ("/", "/account", "/account/phone", "/checkout"):
        assert "worker-src 'none'" in ada.get(path).headers["Content-Security-Policy"]
    worker = ada.get(f"{PAGE}/worker.js")
    assert (worker.status_code, worker.mimetype) == (200, "text/javascript")
    assert worker.headers["Content-Security-Policy"] == "default-src 'none'"
    assert worker.headers["Cache-Control"] == "no-cache"


def test_a_shop_without_push_offers_none_and_lets_browsers_be_removed(
    ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.accounts import devices
    from web.shop.account import acting

    add(ada)
    bare = Settings(env="production", **PRODUCTION)  # type: ignore[arg-type]
    for module in (devices, acting):
        monkeypatch.setattr(module, "settings", bare)
    page = ada.get(PAGE).text
    assert ("sends no push notifications" in page, "Send a test" in page, "data-push=" in page) == (True, False, False)
    for path in ("/account", "/account/notifications"):
        assert f'href="{PAGE}"' not in ada.get(path).text
    refused = add(ada)
    assert (refused.status_code, "This shop sends no push notifications." in refused.text) == (422, True)
    assert ada.send(f"{paths(ada)[0]}/remove", page="/account").status_code == 303


def test_what_a_channel_that_the_shop_lacks_would_send_stays_chosen(
    ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web.shop.account import acting

    page = "/account/notifications"
    ada.send(page, {"order_shipped.push": "on"}, page=page)
    with monkeypatch.context() as patched:
        patched.setattr(acting, "settings", Settings(env="production", **PRODUCTION))  # type: ignore[arg-type]
        assert "order_shipped.push" not in ada.get(page).text
        assert ada.send(page, {}, page=page).status_code == 303
    assert re.findall(r'name="([\w.]+)"[^>]* checked', ada.get(page).text) == ["order_shipped.push"]


def test_the_preferences_lead_to_the_browsers(ada: Browser) -> None:
    assert "For push notifications a browser has to allow them." in ada.get("/account/notifications").text
    add(ada)
    assert "the browsers that you have allowed" in ada.get("/account/notifications").text
