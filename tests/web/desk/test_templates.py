"""The desk's pages of templates and suppressed addresses."""

import base64
import hashlib
import html
import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from durable.tables import RunRecord
from models import notifications
from models.core.database import transaction
from tests.web.desk.selling import Desk

KEY = ("welcome", "email", "en")
PATH = "/desk/templates/welcome/email/en"


@pytest.fixture
def desk(staff_of: Callable[..., Desk]) -> Desk:
    return staff_of("staff")


def text() -> str:
    with transaction() as session:
        return notifications.get_template(session, KEY).text


def test_templates_are_listed_by_kind_channel_language_and_change(desk: Desk) -> None:
    assert PATH in desk.get("/desk/templates").text
    assert PATH in desk.get("/desk/templates?kind=welcome&lang=en").text
    for other in ("kind=stock_low", "lang=de", "channel=sms", "audience=supplier", "changed=true", "kind=nothing"):
        assert PATH not in desk.get(f"/desk/templates?{other}").text
    assert desk.get("/desk/templates/welcome/email/fr").status_code == 404
    assert desk.get("/desk/templates/welcome/sms/en").status_code == 404


def test_a_template_is_saved_and_the_shops_own_used_again(desk: Desk) -> None:
    own = text()
    saved = desk.fill(PATH, PATH, subject="Hello {{ first_name }}", text="Dear {{ first_name }},\r\n\r\nwelcome.")
    assert "The template is saved." in desk.get(saved.headers["Location"]).text
    assert text() == "Dear {{ first_name }},\n\nwelcome."
    assert PATH in desk.get("/desk/templates?changed=true").text
    reset = desk.fill(PATH, f"{PATH}/reset")
    assert "own template is used again" in desk.get(reset.headers["Location"]).text
    assert text() == own


def test_a_mistake_is_refused_with_its_line_and_nothing_is_saved(desk: Desk) -> None:
    own = text()
    refused = desk.fill(PATH, PATH, subject="Hello", text="one\ntwo {{ nobody }}")
    assert (refused.status_code, "Text, line 2: " in refused.text) == (422, True)
    assert "two {{ nobody }}" in refused.text
    assert desk.fill(PATH, PATH, subject="Hello", text=" ").status_code == 422
    assert text() == own


def test_a_template_is_not_overwritten(desk: Desk) -> None:
    stale = desk.form(PATH, PATH)
    assert desk.fill(PATH, PATH, subject="First", text="first").status_code == 303
    refused = desk.post(PATH, data={**stale, "subject": "Second", "text": "second"})
    assert (refused.status_code, text()) == (412, "first")
    assert "Saved now:" in refused.text


def test_the_preview_is_a_frame_whose_style_alone_is_allowed(desk: Desk) -> None:
    own = text()
    form = {**desk.form(PATH, PATH), "subject": "Hello", "text": "Dear <b>{{ first_name }}</b>, **now**"}
    made = desk.post(f"{PATH}/preview", data=form)
    assert (made.status_code, text()) == (200, own)
    [frame] = re.findall(r'<iframe class="mail" sandbox title="[^"]+" srcdoc="([^"]*)">', made.text)
    mail = html.unescape(frame)
    assert "&lt;b&gt;Ada&lt;/b&gt;, <strong>now</strong>" in mail
    [style] = re.findall("<style>(.*?)</style>", mail, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = made.headers["Content-Security-Policy"]
    assert f"style-src 'self' 'sha256-{allowed}';" in policy
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    assert "sha256" not in desk.get("/desk/templates").headers["Content-Security-Policy"]
    part = desk.post(f"{PATH}/preview", data={**form, "text": "{% if %}"}, headers={"HX-Request": "true"})
    assert (part.status_code, "<html" in part.text, "Text, line 1: " in part.text) == (200, False, True)


@pytest.mark.parametrize(
    ("template", "recipient"),
    [
        ("welcome/email", "the customer"), ("stock_low/email", "staff@localhost (SHOP_STAFF_EMAIL)"),
        ("stock_low/sms", "nobody (SHOP_STAFF_PHONE)"), ("incident/email", "staff@localhost (SHOP_STAFF_EMAIL)"),
        ("goods_ordered/email", "supplier@localhost (SHOP_SUPPLIER_EMAIL)"), ("report_ready/email", "subscribed"),
    ],
)  # fmt: skip
def test_a_template_says_who_is_sent_it(desk: Desk, template: str, recipient: str) -> None:
    assert recipient in desk.get(f"/desk/templates/{template}/en").text


def test_a_test_is_sent_to_whoever_asks(desk: Desk) -> None:
    sent = desk.fill(PATH, f"{PATH}/test")
    assert "The test is being sent to you." in desk.get(sent.headers["Location"]).text
    with transaction() as session:
        run = session.scalars(select(RunRecord).where(RunRecord.workflow == "notification_test")).one()
    assert run.input["kind"] == "welcome"
    path = "/desk/templates/order_shipped/sms/en"
    assert desk.fill(path, f"{path}/test").status_code == 409


def test_a_suppression_is_lifted(desk: Desk) -> None:
    with transaction() as session:
        notifications.suppress(session, "Gone@example.org", "permanent", "550 <unknown>")
    page = desk.get("/desk/suppressions").text
    assert "550 &lt;unknown&gt;" in page
    form = {**desk.form("/desk/suppressions", "/desk/suppressions/lift"), "address": "gone@example.org"}
    sent = [desk.post("/desk/suppressions/lift", data=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303]
    assert "gone@example.org" not in desk.get(sent[0].headers["Location"]).text
    with transaction() as session:
        assert not notifications.is_suppressed(session, "gone@example.org")


def test_who_may_not_read_messages_sees_no_templates(staff_of: Callable[..., Desk]) -> None:
    finance = staff_of("finance")
    for path in ("/desk/templates", PATH, "/desk/suppressions"):
        assert finance.get(path).status_code == 403
