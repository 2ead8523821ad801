"""The settings of the desk in a browser: a webhook that fails and is repeated, a template with its preview, a key."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from durable.ids import new_id
from models import access, notifications, webhooks
from models.core.database import transaction
from tests.api.test_webhooks import delivered
from tests.relay.receiving import Receiver, tell
from tests.serving import serving
from tests.shopping import make_customer, make_product
from tests.web.browser.conftest import Visitor
from tests.web.browser.test_desk import ROLES, enter, find_faults
from tests.web.desk.selling import Bought

TEMPLATE = "/desk/templates/welcome/email/en"


@pytest.fixture
def site(tmp_path: Path, database: None) -> Iterator[str]:
    """A server that may deliver to this machine."""
    with serving(tmp_path, SHOP_WEBHOOKS_ALLOW_PRIVATE="1") as url:
        yield url


@pytest.fixture
def pages(database: None) -> dict[str, str]:
    """Name → path of every page, with something on it."""
    grace = make_customer("grace")
    failed = {"url": "https://warehouse.example/events", "response_status": 500, "response_body": "out of order"}
    with transaction() as session:
        first = webhooks.create_endpoint(
            session, "https://warehouse.example/events", ["order.created"], "The warehouse"
        )
        second = webhooks.create_endpoint(session, f"https://{'long.' * 20}example/events?token={'0' * 60}", [], "")
        webhooks.update_endpoint(session, second.id, {"status": "disabled"})
        notifications.suppress(session, "nobody@example.org", "permanent", "550 5.1.1 user unknown")
        access.create_role(session, access.PERMISSIONS, "auditor", ["audit:read", "runs:read"])
        access.grant_role(session, access.PERMISSIONS, grace, "auditor")
        key, _ = access.create_key(session, grace, access.PERMISSIONS, "till", ["stock:read"], timedelta(days=30))
        notifications.change_template(session, ("order_shipped", "sms", "de"), {"text": "Ihr Paket ist unterwegs."})
    delivery = delivered(first.id, error="HTTP 500", **failed)
    bought = Bought(make_product("EMMA", 9), 2, "alan").confirmed()
    with transaction() as session:
        message = session.scalars(notifications.select_notifications(bought.order.user_id)).first()
    assert message is not None
    return {
        "webhooks": "/desk/webhooks", "webhook": f"/desk/webhooks/{first.id}", "new-webhook": "/desk/webhooks/new",
        "webhook-disabled": f"/desk/webhooks/{second.id}", "delivery": f"/desk/webhooks/deliveries/{delivery}",
        "templates": "/desk/templates", "template": TEMPLATE, "template-sms": "/desk/templates/order_shipped/sms/de",
        "suppressions": "/desk/suppressions", "staff": "/desk/staff", "person": f"/desk/staff/{grace}",
        "roles": "/desk/roles", "role": "/desk/roles/auditor", "role-admin": "/desk/roles/admin",
        "new-role": "/desk/new-role", "keys": "/desk/api-keys", "key": f"/desk/api-keys/{key.id}",
        "new-key": "/desk/api-keys/new", "audit-log": "/desk/audit-log", "audit-check": "/desk/audit-log/check",
        "settings": "/desk/settings", "account": f"/desk/customers/{bought.order.user_id}",
        "message": f"/desk/messages/{message.id}",
    }  # fmt: skip


def test_every_page_of_the_settings_in_three_widths_light_and_dark(
    pages: dict[str, str], visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    sign_in("boss", *ROLES)
    assert find_faults(pages, visit, "settings-", most=8) == []


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
