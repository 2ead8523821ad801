"""The desk's pages of the audit log and of the settings."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models.accounts import User
from models.core import audit_chain, event_log
from models.core.database import transaction
from models.core.events import OperatorActed
from serving.configuration import MASK, entries, masked
from settings import settings
from tests.models.auditing import change
from tests.shopping import make_customer
from tests.web.desk.selling import Desk

LOG, CHECK = "/desk/audit-log", "/desk/audit-log/check"


@pytest.fixture
def boss(staff_of: Callable[..., Desk]) -> Desk:
    """Somebody who has created a role and given it to somebody."""
    boss = staff_of("admin")
    boss.fill("/desk/new-role", "/desk/new-role", name="auditor", permissions=["audit:read"])
    path = f"/desk/staff/{make_customer('grace')}"
    boss.fill(path, f"{path}/roles", role="auditor")
    with transaction() as session:
        event_log.emit(session, OperatorActed(subject=None, command="prune", user="root"))
    return boss


def numbers(boss: Desk, filters: str = "") -> list[int]:
    page = boss.get(f"{LOG}?{filters}").text
    return [int(one) for one in re.findall(r'<td class="number" data-label="Entry">(\d+)</td>', page)]


def test_entries_are_listed_newest_first_with_who_and_what(boss: Desk) -> None:
    page = boss.get(LOG).text
    listed = numbers(boss)
    assert listed == sorted(listed, reverse=True)
    for part in ("admin-person", "role created", "POST /desk/new-role", "shop prune", "root", "audit:read"):
        assert part in page


def test_of_many_with_such_a_name_the_oldest_are_meant_on_every_page(
    boss: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    by_boss = numbers(boss, "actor=admin-per")
    assert by_boss
    make_customer("admin-perfect")
    monkeypatch.setattr("web.desk.audit_log.LISTED", 1)
    with transaction() as session:  # its row lies behind the newer one's from now on
        session.execute(update(User).where(User.username == "admin-person").values(last_name="Moved"))
    assert numbers(boss, "actor=admin-per") == by_boss


def test_entries_are_found_by_who_what_about_and_when(boss: Desk, staff_of: Callable[..., Desk]) -> None:
    every = set(numbers(boss))
    by_boss = set(numbers(boss, "actor=admin-per"))
    assert by_boss
    assert by_boss < every
    assert numbers(boss, "actor=grace") == []
    assert len(numbers(boss, "name=role.created")) == 1
    assert len(numbers(boss, "name=operator.acted&actor=admin-person")) == 0
    assert set(numbers(boss, "subject=auditor")) <= by_boss
    assert numbers(boss, "subject=auditor")
    with transaction() as session:
        times = session.scalars(select(event_log.Event.created_at)).all()
    first, following = min(times).date(), max(times).date() + timedelta(days=1)
    assert set(numbers(boss, f"from={first}&to={following}")) == every
    assert numbers(boss, f"to={first}") == numbers(boss, f"from={following}") == []
    for wrong in ("name=order.created", "from=yesterday", "actor=x"):
        assert "cannot be read" in boss.get(f"{LOG}?{wrong}").text


def test_the_check_finds_what_was_changed_past_the_shop(boss: Desk) -> None:
    with transaction() as session:
        last = audit_chain.last_entry(session)
    assert last is not None
    assert last in boss.get(CHECK).text
    assert "The chain is unbroken." in boss.get(CHECK).text
    assert "still in the log" in boss.get(f"{CHECK}?entry={last[:20]}").text
    assert "no longer in the log" in boss.get(f"{CHECK}?entry=1:{'0' * 64}").text
    assert "no longer in the log" in boss.get(f"{CHECK}?entry={'9' * 18}:{'0' * 64}").text
    assert "a number, a colon" in boss.get(f"{CHECK}?entry=nonsense").text
    change("UPDATE workflow.event SET subject = 'root' WHERE name = 'role.created'")
    page = boss.get(CHECK).text
    assert "1 fault was found" in page
    assert "was changed" in page


def test_who_may_read_runs_sees_the_log_and_not_its_check(boss: Desk, staff_of: Callable[..., Desk]) -> None:
    staff = staff_of("staff")
    page = staff.get(LOG)
    assert (page.status_code, CHECK in page.text) == (200, False)
    assert staff.get(CHECK).status_code == 403
    assert staff_of("warehouse").get(LOG).status_code == 403


def test_names_of_staff_are_for_who_may_read_users(boss: Desk, staff_of: Callable[..., Desk]) -> None:
    role = "watcher"
    boss.fill("/desk/new-role", "/desk/new-role", name=role, permissions=["runs:read"])
    watcher = staff_of(role)
    page = watcher.get(LOG)
    assert (page.status_code, "admin-person" in page.text) == (200, False)
    assert numbers(watcher, "actor=admin-per") == []
    assert numbers(boss, "actor=admin-per")


def test_settings_show_value_unit_and_source_and_no_secret(staff_of: Callable[..., Desk]) -> None:
    boss = staff_of("admin")
    page = boss.get("/desk/settings").text
    for one in entries():
        assert one.name in page
    assert settings.secret_key not in page
    assert f'<code class="breaks">{settings.keep_runs_days}</code> days' in page
    assert "SHOP_KEEP_RUNS_DAYS" in boss.get("/desk/settings?q=keep_runs").text
    assert "SHOP_KEEP_RUNS_DAYS" not in boss.get("/desk/settings?q=picture").text
    chosen = {one.name for one in entries() if one.source == "default"}
    assert chosen
    assert all(name not in boss.get("/desk/settings?source=environment").text.split() for name in chosen)
    assert staff_of("staff").get("/desk/settings").status_code == 403


def test_units_are_those_of_the_descriptions() -> None:
    units = {one.name.removeprefix("SHOP_").lower(): one.unit for one in entries()}
    known = {
        "max_wait": "seconds", "answer_bytes": "bytes", "hold_margin_hours": "hours", "reconcile_grace": "minutes",
        "keep_runs_days": "days", "password_cost": "KiB", "picture_pixels": "pixels", "item_weight": "grams",
        "return_fee": "minor units", "api_port": "", "api_workers": "", "limit_mails": "", "metrics": "",
    }  # fmt: skip
    assert {name: units[name] for name in known} == known


def test_what_is_secret_is_masked() -> None:
    assert masked("s3_secret_key", "hunter2") == masked("audit_keys", "hunter2") == MASK
    assert masked("smtp_url", "smtp://me:hunter2@mail.example") == f"smtp://me:{MASK}@mail.example"
    assert masked("database_url", "postgresql://me:a@b@db/shop") == f"postgresql://me:{MASK}@db/shop"
    assert masked("api_url", "https://api.example") == "https://api.example"
    assert masked("sms_url", "") == ""
    for name in ("password", "sslpassword", "auth_token", "api-key", "client_secret"):
        given = f"postgresql://db/shop?user=me&{name}=hunter2&sslmode=require"
        assert masked("database_url", given) == f"postgresql://db/shop?user=me&{name}={MASK}&sslmode=require"
        assert masked("broker_url", f"redis+socket:///run/redis.sock?{name}=hunter2").endswith(f"?{name}={MASK}")
