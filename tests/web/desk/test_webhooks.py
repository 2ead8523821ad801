"""The desk's pages of webhook endpoints and their deliveries."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models import webhooks
from models.core.database import transaction
from models.core.event_log import Event
from models.core.events import StaffActed
from models.webhooks import Endpoint
from tests.delivering import delivered, tell
from tests.web.desk.selling import Desk

URL = "https://warehouse.example/events"
NEW = "/desk/webhooks/new"


@pytest.fixture
def boss(staff_of: Callable[..., Desk]) -> Desk:
    return staff_of("admin")


@pytest.fixture
def endpoint(database: None) -> str:
    with transaction() as session:
        return webhooks.create_endpoint(session, URL, [], "The warehouse").id


def read(endpoint_id: str) -> Endpoint:
    with transaction() as session:
        return webhooks.get_endpoint(session, endpoint_id)


def secret_in(html: str) -> str | None:
    found = re.search(r'value="(whsec_[^"]+)"', html)
    return found[1] if found else None


def test_an_endpoint_is_created_once_and_its_secret_shown_once(boss: Desk) -> None:
    form = {
        **boss.form(NEW, NEW),
        "url": URL,
        "types": ["order.confirmed", "stock.low"],
        "description": "The warehouse",
    }
    first, again = boss.post(NEW, data=form), boss.post(NEW, data=form)
    with transaction() as session:
        [made] = session.scalars(webhooks.list_endpoints())
        acted = session.scalars(select(Event).where(Event.name == StaffActed.name)).one()
    assert (made.url, made.types, made.description) == (URL, ["order.confirmed", "stock.low"], "The warehouse")
    assert secret_in(first.text) == made.secret
    assert (again.status_code, made.secret in again.text) == (303, False)
    page = boss.get(again.headers["Location"]).text
    assert "The endpoint is created." in page
    assert made.secret not in page
    assert (acted.subject, acted.payload["path"]) == (made.id, NEW)
    assert f"/desk/webhooks/{made.id}" in boss.get("/desk/webhooks").text


def test_what_cannot_be_an_endpoint_is_refused_with_what_was_filled_in(boss: Desk) -> None:
    refused = boss.fill(NEW, NEW, url="http://10.0.0.1/", types=["stock.low"], description="Inside")
    assert (refused.status_code, "Inside" in refused.text) == (422, True)
    assert re.search(r'value="stock.low" checked', refused.text)
    assert boss.fill(NEW, NEW, url=URL, types=["no.such"]).status_code == 422
    assert boss.fill(NEW, NEW, url="").status_code == 422
    with transaction() as session:
        assert session.scalars(webhooks.list_endpoints()).all() == []


def test_an_endpoint_is_edited_unless_somebody_was_faster(boss: Desk, endpoint: str) -> None:
    path = f"/desk/webhooks/{endpoint}"
    stale = boss.form(path, f"{path}/edit")
    saved = boss.fill(path, f"{path}/edit", url=f"{URL}/2", types=["stock.low"], description="")
    assert "The endpoint is saved." in boss.get(saved.headers["Location"]).text
    assert (read(endpoint).url, read(endpoint).types, read(endpoint).description) == (f"{URL}/2", ["stock.low"], "")
    refused = boss.post(f"{path}/edit", data={**stale, "url": f"{URL}/3"})
    assert (refused.status_code, "Somebody else has changed this" in refused.text) == (412, True)
    assert read(endpoint).url == f"{URL}/2"
    assert f'value="{URL}/3"' in refused.text


def test_an_endpoint_is_disabled_enabled_and_deleted(boss: Desk, endpoint: str) -> None:
    path = f"/desk/webhooks/{endpoint}"
    for status in ("disabled", "enabled"):
        done = boss.fill(path, f"{path}/status", status=status)
        assert f"The endpoint is {status}." in boss.get(done.headers["Location"]).text
        assert read(endpoint).status == status
    done = boss.fill(path, f"{path}/delete")
    assert "deleted" in boss.get(done.headers["Location"]).text
    assert boss.get(path).status_code == 404


def test_a_secret_is_rotated_once_and_shown_once(boss: Desk, endpoint: str) -> None:
    path, action, before = f"/desk/webhooks/{endpoint}", f"/desk/webhooks/{endpoint}/rotate", read(endpoint).secret
    form = boss.form(path, action)
    first, again = boss.post(action, data=form), boss.post(action, data=form)
    now = read(endpoint)
    assert (secret_in(first.text), now.previous_secret) == (now.secret, before)
    assert again.status_code == 303
    assert "The secret is rotated." in boss.get(again.headers["Location"]).text
    assert "Previous secret signs until" in boss.get(path).text


def test_a_delivery_has_its_request_and_response_and_is_repeated(boss: Desk, endpoint: str) -> None:
    failed = delivered(endpoint, url=URL, response_status=500, response_body="<b>out of order</b>", duration=12)
    listed = f"/desk/webhooks/{endpoint}"
    assert failed in boss.get(f"{listed}?status=failed").text
    assert failed not in boss.get(f"{listed}?status=succeeded").text
    assert failed in boss.get(f"{listed}?type=order.created").text
    assert failed not in boss.get(f"{listed}?type=order.confirmed").text
    for wrong in ("status=lost", "type=login.throttled"):
        assert "cannot be read" in boss.get(f"{listed}?{wrong}").text
    path = f"/desk/webhooks/deliveries/{failed}"
    page = boss.get(path).text
    for part in ("500", "&lt;b&gt;out of order", f"POST {URL}", "&#34;type&#34;: &#34;order.created&#34;", "12 ms"):
        assert part in page
    again = boss.fill(path, f"{path}/redeliver")
    assert "being delivered again" in boss.get(again.headers["Location"]).text
    assert failed in boss.get(f"{listed}?status=pending").text
    boss.fill(listed, f"{listed}/status", status="disabled")
    refused = boss.fill(path, f"{path}/redeliver")
    assert (refused.status_code, "Enable it first" in refused.text) == (409, True)


def test_the_events_of_a_period_are_delivered_again(boss: Desk, endpoint: str) -> None:
    tell(2)
    path = f"/desk/webhooks/{endpoint}"
    now = datetime.now(UTC)
    first, last = (f"{at:%Y-%m-%dT%H:%M}" for at in (now - timedelta(hours=1), now + timedelta(hours=1)))
    done = boss.fill(path, f"{path}/redeliver", **{"from": first, "to": last})
    assert "events of the period" in boss.get(done.headers["Location"]).text
    with transaction() as session:
        assert len(session.scalars(webhooks.list_deliveries(endpoint, "pending")).all()) == 3
    for wrong in ({"from": last, "to": first}, {"from": "yesterday", "to": last}, {"from": "", "to": ""}):
        assert boss.fill(path, f"{path}/redeliver", **wrong).status_code == 422
    early = f"{now - timedelta(days=9):%Y-%m-%dT%H:%M}"
    nothing = boss.fill(path, f"{path}/redeliver", **{"from": early, "to": first})
    assert "has no events" in boss.get(nothing.headers["Location"]).text


def test_who_may_not_read_webhooks_sees_none(desk: Desk, endpoint: str) -> None:
    assert desk.get("/desk/webhooks").status_code == 403
    assert desk.get(f"/desk/webhooks/{endpoint}").status_code == 403
    assert "/desk/webhooks" not in desk.get("/desk/").text
