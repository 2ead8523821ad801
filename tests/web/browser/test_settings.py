"""The settings of the desk in a browser: a webhook that fails and is repeated, a template with its preview, a key."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from durable.ids import new_id
from tests.relay.receiving import Receiver, tell
from tests.serving import serving
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import find_faults
from tests.web.browser.signing_in import ROLES, enter
from tests.web.desk.filling import settings_pages

TEMPLATE = "/desk/templates/welcome/email/en"


@pytest.fixture
def site(tmp_path: Path, database: None) -> Iterator[str]:
    """A server that may deliver to this machine."""
    with serving(tmp_path, SHOP_WEBHOOKS_ALLOW_PRIVATE="1") as url:
        yield url


def test_every_page_of_the_settings_in_three_widths_light_and_dark(
    database: None, visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", *ROLES)
    assert find_faults(settings_pages(), visit, "settings-", most=8) == []


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with ExitStack() as exits:
        yield Receiver(exits, tmp_path, monkeypatch)


def test_a_webhook_fails_and_is_delivered_again(
    receiver: Receiver, visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", "admin")
    boss = enter(visit())
    boss.open("/desk/webhooks")
    boss.follow("New endpoint")
    boss.fill({"url": f"http://127.0.0.1:{receiver.port}/flaky", "description": "The warehouse"})
    boss.page.get_by_label("order.created").check()
    boss.follow("Create the endpoint", "button")
    secret = boss.page.get_by_label("Secret", exact=True).input_value()
    assert secret.startswith("whsec_")
    deliverer = receiver.deliver(SHOP_WEBHOOKS_RETRY_DAYS="0.00001")  # so that it does not try again by itself
    tell(new_id("ord"))
    boss.open("/desk/webhooks")
    boss.follow(f"http://127.0.0.1:{receiver.port}/flaky")
    assert secret not in boss.page.content()
    delivery = boss.page.get_by_role("link", name="order.created")
    while not delivery.count():
        boss.page.reload()
    delivery.click()
    boss.sees("out of order")
    boss.check()
    boss.follow("Deliver again", "button")
    boss.sees("The event is being delivered again.")
    while not boss.page.get_by_text("thanks").count():
        boss.follow("Look again")
    boss.sees("succeeded")
    assert deliverer.poll() is None


def test_a_template_is_edited_with_its_preview(visit: Callable[..., Visitor], sign_in: Callable[..., object]) -> None:
    sign_in("boss", "admin")
    boss = enter(visit())
    boss.open(TEMPLATE)
    mail = boss.page.frame_locator("iframe.mail")
    mail.get_by_text("Ada").first.wait_for()
    styled = mail.locator(".card").evaluate("card => getComputedStyle(card).borderRadius")
    assert styled == "8px"  # the policy lets the stylesheet of the mail through
    boss.page.get_by_label("Text", exact=True).first.fill("Dear {{ first_name }}, **good to see you**")
    mail.get_by_text("good to see you").wait_for()  # while typing, before anything is saved
    boss.page.get_by_label("Text", exact=True).first.fill("one\n{{ nobody }}")
    boss.sees("Text, line 2: ")
    boss.check()
    boss.page.get_by_label("Text", exact=True).first.fill("Dear {{ first_name }}, welcome back")
    boss.follow("Save", "button")
    boss.sees("The template is saved.")
    mail.get_by_text("welcome back").wait_for()
    boss.check()


def test_a_template_is_previewed_without_scripts(visit: Callable[..., Visitor], sign_in: Callable[..., object]) -> None:
    sign_in("boss", "admin")
    cookies = enter(visit()).page.context.cookies()
    boss = visit(width=320, java_script_enabled=False)
    boss.page.context.add_cookies(cookies)  # type: ignore[arg-type]
    boss.page.goto(f"{boss.url}{TEMPLATE}")
    boss.page.get_by_label("Text", exact=True).first.fill("Dear {{ first_name }}, **good to see you**")
    boss.page.get_by_role("button", name="Preview").click()
    boss.page.frame_locator("iframe.mail").get_by_text("good to see you").wait_for()
    assert boss.page.get_by_label("Text", exact=True).first.input_value().startswith("Dear")
