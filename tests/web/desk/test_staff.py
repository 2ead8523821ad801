"""The desk's pages of staff, roles and API keys, and what staff do to the sign-in of others."""

import re
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from durable.tables import RunRecord
from models import access, accounts
from models.accounts import User
from models.core.database import transaction
from tests.shopping import make_customer
from tests.web.desk.selling import Desk

NEW_ROLE, NEW_KEY = "/desk/new-role", "/desk/api-keys/new"


@pytest.fixture
def boss(staff_of: Callable[..., Desk]) -> Desk:
    return staff_of("admin")


def id_of(username: str) -> str:
    with transaction() as session:
        return session.scalars(select(User.id).where(User.username == username)).one()


def roles_of(user_id: str) -> list[str]:
    with transaction() as session:
        return access.roles_of(session, user_id)


def permissions(role: str) -> list[str]:
    with transaction() as session:
        return access.get_role(session, role)[1]


def test_staff_are_those_with_a_permission(boss: Desk, staff_of: Callable[..., Desk]) -> None:
    staff_of("finance")
    make_customer("grace")
    page = boss.get("/desk/staff").text
    assert "finance-person" in page
    assert "grace" not in page
    assert "admin-person" not in boss.get("/desk/staff?role=finance").text
    assert "finance-person" in boss.get("/desk/staff?q=finance").text


def test_roles_are_given_and_taken_away(boss: Desk) -> None:
    grace = make_customer("grace")
    path = f"/desk/staff/{grace}"
    assert path in boss.get(f"/desk/customers/{grace}").text
    form = {**boss.form(path, f"{path}/roles"), "role": "finance"}
    given = [boss.post(f"{path}/roles", data=form) for _ in range(2)]
    assert "The role is assigned" in boss.get(given[1].headers["Location"]).text
    assert "finance" in roles_of(grace)
    assert "payments:refund" in boss.get(path).text
    taken = boss.fill(path, f"{path}/roles/finance/revoke")
    assert "The role is taken away" in boss.get(taken.headers["Location"]).text
    assert "finance" not in roles_of(grace)
    undone = re.findall(r'<form class="undo"[^>]*>(.*?)</form>', boss.get(taken.headers["Location"]).text)
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', undone[0]))
    assert boss.post(f"{path}/roles", data=hidden).status_code == 303
    assert "finance" in roles_of(grace)
    assert boss.post(f"{path}/roles", data={**form, "once": "x" * 20, "role": "no-such"}).status_code == 404


def test_the_last_administrator_stays(boss: Desk) -> None:
    path = f"/desk/staff/{id_of('admin-person')}"
    refused = boss.fill(path, f"{path}/roles/admin/revoke")
    assert (refused.status_code, "last administrator" in refused.text) == (409, True)


def test_nobody_grants_what_they_lack(boss: Desk, staff_of: Callable[..., Desk]) -> None:
    boss.fill(NEW_ROLE, NEW_ROLE, name="deputy", permissions=["users:read", "users:write", "roles:write"])
    deputy = staff_of("deputy")
    grace = make_customer("grace")
    path = f"/desk/staff/{grace}"
    refused = deputy.fill(path, f"{path}/roles", role="admin")
    assert (refused.status_code, "You lack these permissions yourself: audit:read" in refused.text) == (403, True)
    assert "admin" not in roles_of(grace)
    page = deputy.get(NEW_ROLE).text
    assert re.search(r'value="users:read">', page)
    assert re.search(r'value="orders:read" disabled>', page)


def test_a_role_is_created_changed_and_deleted(boss: Desk) -> None:
    made = boss.fill(NEW_ROLE, NEW_ROLE, name="auditor", permissions=["audit:read", "runs:read"])
    path = "/desk/roles/auditor"
    assert "The role is created." in boss.get(made.headers["Location"]).text
    assert permissions("auditor") == ["audit:read", "runs:read"]
    assert path in boss.get("/desk/roles").text
    stale = boss.form(path, path)
    assert boss.fill(path, path, permissions=["audit:read"]).status_code == 303
    refused = boss.post(path, data={**stale, "permissions": ["keys:write"]})
    assert (refused.status_code, permissions("auditor")) == (412, ["audit:read"])
    assert boss.fill(path, path).status_code == 303
    assert permissions("auditor") == []
    taken = boss.fill(NEW_ROLE, NEW_ROLE, name="auditor")
    assert (taken.status_code, "This name is taken." in taken.text) == (409, True)
    assert boss.fill(NEW_ROLE, NEW_ROLE, name="The Auditor").status_code == 422
    deleted = boss.fill(path, f"{path}/delete")
    assert "The role is deleted." in boss.get(deleted.headers["Location"]).text
    assert boss.get(path).status_code == 404


def test_builtin_roles_are_not_deleted_and_that_of_administrators_not_changed(boss: Desk) -> None:
    assert "/desk/roles/staff/delete" not in boss.get("/desk/roles/staff").text
    assert 'action="/desk/roles/admin"' not in boss.get("/desk/roles/admin").text
    assert "cannot be changed" in boss.get("/desk/roles/admin").text
    page = boss.get("/desk/roles/admin").text
    assert "webhooks:write" in page
    form = boss.form("/desk/roles/staff", "/desk/roles/staff")
    refused = boss.post("/desk/roles/staff/delete", data=form)
    assert (refused.status_code, "built in" in refused.text) == (409, True)


def test_a_role_that_somebody_has_is_not_deleted(boss: Desk, staff_of: Callable[..., Desk]) -> None:
    boss.fill(NEW_ROLE, NEW_ROLE, name="auditor", permissions=["audit:read"])
    staff_of("auditor")
    refused = boss.fill("/desk/roles/auditor", "/desk/roles/auditor/delete")
    assert (refused.status_code, permissions("auditor")) == (409, ["audit:read"])


def key_in(html: str) -> str | None:
    found = re.search(r'value="(sfk_[^"]+)"', html)
    return found[1] if found else None


def test_a_key_is_created_once_shown_once_and_revoked(boss: Desk, client: Any) -> None:
    form = {**boss.form(NEW_KEY, NEW_KEY), "name": "till", "permissions": ["stock:read"], "expires_in_days": "30"}
    first, again = boss.post(NEW_KEY, data=form), boss.post(NEW_KEY, data=form)
    clear = key_in(first.text)
    assert clear is not None
    with transaction() as session:
        [key] = session.scalars(access.list_keys())
    assert (key.name, key.permissions, again.status_code) == ("till", ["stock:read"], 303)
    path = f"/desk/api-keys/{key.id}"
    assert key_in(boss.get(path).text) is None
    assert "never" in boss.get("/desk/api-keys").text
    assert client.get("/v1/stock", headers={"X-Api-Key": clear}).status_code == 200
    assert "never" not in boss.get(path).text
    done = boss.fill(path, f"{path}/revoke")
    assert "The key is revoked" in boss.get(done.headers["Location"]).text
    assert client.get("/v1/stock", headers={"X-Api-Key": clear}).status_code == 401
    for wrong in ({"name": ""}, {"name": "x", "expires_in_days": "0"}, {"name": "x", "permissions": ["keys:write"]}):
        assert boss.fill(NEW_KEY, NEW_KEY, **{"expires_in_days": "30", **wrong}).status_code == 422


def test_sessions_end_and_a_lost_second_factor_is_removed(boss: Desk, signed_in: Callable[..., Any]) -> None:
    grace = signed_in("grace")
    user_id = id_of("grace")
    path = f"/desk/customers/{user_id}"
    assert grace.get("/account").status_code == 200
    assert "Unknown device" in boss.get(path).text
    done = boss.fill(path, f"{path}/sessions")
    assert "All sessions of this account are ended." in boss.get(done.headers["Location"]).text
    assert grace.get("/account").status_code == 303
    with transaction() as session:
        secret = accounts.begin_enrolment(session, user_id).secret
    with transaction() as session:
        accounts.confirm_enrolment(session, user_id, "ses_" + "0" * 32, pyotp.TOTP(secret).now())
    stale = boss.form(path, f"{path}/second-factor")
    done = boss.post(f"{path}/second-factor", data=stale)
    assert "The second factor is removed" in boss.get(done.headers["Location"]).text
    refused = boss.post(f"{path}/second-factor", data={**stale, "once": "y" * 20})
    assert (refused.status_code, "has no second factor" in refused.text) == (409, True)


def test_the_sign_in_of_somebody_with_more_permissions_is_out_of_reach(
    boss: Desk, staff_of: Callable[..., Desk]
) -> None:
    boss.fill(NEW_ROLE, NEW_ROLE, name="deputy", permissions=["users:read", "users:write"])
    deputy, path = staff_of("deputy"), f"/desk/customers/{id_of('admin-person')}"
    refused = deputy.fill(path, f"{path}/sessions")
    assert (refused.status_code, "You lack these permissions yourself" in refused.text) == (403, True)
    assert boss.get("/desk/").status_code == 200


def test_the_confirmation_of_an_address_is_sent_again_unless_it_is_confirmed(boss: Desk) -> None:
    grace = make_customer("grace")
    path = f"/desk/customers/{grace}"
    with transaction() as session:
        session.get_one(User, grace).email_confirmed_at = None
    form = boss.form(path, f"{path}/confirmation")
    done = boss.post(f"{path}/confirmation", data=form)
    assert "confirms the address is being sent" in boss.get(done.headers["Location"]).text
    with transaction() as session:
        run = session.scalars(select(RunRecord).where(RunRecord.workflow == "confirm_address")).one()
        accounts.mark_confirmed(session, session.get_one(User, grace))
    assert run.input == {"user_id": grace}
    refused = boss.post(f"{path}/confirmation", data={**form, "once": "z" * 20})
    assert (refused.status_code, "confirmed already" in refused.text) == (409, True)


def test_who_may_only_read_accounts_changes_nothing(staff_of: Callable[..., Desk]) -> None:
    staff, grace = staff_of("staff"), make_customer("grace")
    for path in (f"/desk/staff/{grace}", f"/desk/customers/{grace}", "/desk/roles/finance"):
        page = staff.get(path)
        assert page.status_code == 200
        assert f'method="post" action="{path}' not in page.text
    assert staff.get("/desk/api-keys").status_code == 403
    assert staff.get(NEW_ROLE).status_code == 403
    assert staff_of("warehouse").get("/desk/staff").status_code == 403
