"""The pages of the API behind the links of mails, in the design of the shop, and the ways of staff to their pages."""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from durable.ids import new_id
from models import accounts
from models.core.database import transaction
from models.notifications import kinds, unsubscribe_url
from tests.web.conftest import Browser


def in_design(page: Any) -> bool:
    return 'class="skip"' in page.text and "unsafe" not in page.headers["Content-Security-Policy"]


def action(page: Any) -> str:
    found: str
    [found] = re.findall(r'<main.*<form method="post" action="([^"]+)"', page.text, re.DOTALL)
    return found


def set_language(language: str) -> None:
    with transaction() as session:
        session.scalars(select(accounts.User)).one().language = language


def test_a_mail_is_unsubscribed_from_in_a_browser(browser: Browser, sign_in: Callable[..., Any]) -> None:
    ada = sign_in("ada")
    set_language("de")
    link = "/v1" + unsubscribe_url(ada.user_id, kinds.CART_REMINDER, "email").partition("/v1")[2]
    page = browser.get(link)
    assert (page.status_code, in_design(page), '<html lang="de">' in page.text) == (200, True, True)
    assert re.search(r'<main.*<form method="post">.*E-Mails abbestellen</button>', page.text, re.DOTALL)
    done = browser.post(link, data={"List-Unsubscribe": "One-Click"})
    assert (done.status_code, in_design(done), "Abbestellt" in done.text) == (200, True, True)
    with transaction() as session:
        assert not accounts.wants(session, ada.user_id, "cart_reminder", "email")


def test_programs_get_what_they_always_got(browser: Browser, sign_in: Callable[..., Any]) -> None:
    ada = sign_in("ada")
    link = "/v1" + unsubscribe_url(ada.user_id, kinds.CART_REMINDER, "email").partition("/v1")[2]
    done = browser.post(link, data={"List-Unsubscribe": "One-Click"}, headers={"Accept": "*/*"})
    assert (done.status_code, in_design(done)) == (200, False)
    refused = browser.get("/v1/unsubscribe?token=x", headers={"Accept": "*/*"})
    assert (refused.status_code, refused.mimetype) == (404, "application/problem+json")


def test_an_address_is_confirmed_in_a_browser(browser: Browser, sign_in: Callable[..., Any]) -> None:
    ada = sign_in("ada")
    with transaction() as session:
        user = session.get_one(accounts.User, ada.user_id)
        user.email_confirmed_at, run_id = None, new_id("run")
        accounts.save_confirmation_token(session, run_id, user)
        token = accounts.derive_confirmation_token(run_id)
    page = browser.get(f"/v1/auth/email/confirm?token={token}")
    assert (page.status_code, in_design(page)) == (200, True)
    done = browser.post(action(page))
    assert (in_design(done), "Your e-mail address is confirmed" in done.text) == (True, True)
    with transaction() as session:
        assert session.get_one(accounts.User, ada.user_id).email_confirmed_at is not None


def test_a_link_that_is_not_valid_is_a_page(browser: Browser) -> None:
    for path in ("/v1/unsubscribe?token=x", "/v1/auth/email/confirm?token=x"):
        page = browser.get(path)
        assert (page.status_code, in_design(page), "This page does not exist" in page.text) == (404, True, True)


def test_staff_find_the_desk_and_the_console(signed_in: Callable[..., Browser]) -> None:
    for name, roles, links in (("ada", (), (0, 0)), ("sam", ("warehouse",), (2, 0)), ("root", ("admin",), (2, 1))):
        page = signed_in(name, *roles).get("/account").text
        assert (page.count('href="/desk/"'), page.count('href="/ops/"')) == links, name
