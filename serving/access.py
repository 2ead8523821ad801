"""Permission checks, and lists of users."""

from typing import Any

from marshmallow import fields, validate
from sqlalchemy import select

from models import access, accounts
from models.accounts import Principal
from models.core.database import transaction
from serving.authentication import SECOND_FACTOR_MISSING
from serving.fields import Pattern, Schema
from serving.pages import Page, PageQuery, page


def _word(example: str) -> fields.String:
    word = Pattern(r"^[a-z][a-z_-]{0,31}$", error="a lower-case word")
    return fields.String(required=True, validate=word, metadata={"example": example})


class PermissionQuery(Schema):
    token = fields.String(
        validate=validate.Length(1, 4000),
        metadata={"description": "The access token to check; defaults to the one of this request"},
    )
    action = _word("write")
    resource = _word("products")


class UserQuery(PageQuery):
    q = fields.String(
        validate=validate.Length(2, 254),
        metadata={"description": "A prefix of the username, e-mail address or last name", "example": "ada"},
    )
    role = fields.String(validate=validate.Length(1, 64), metadata={"example": "staff"})


def list_staff(query: dict[str, Any]) -> Page:
    """A page of those who hold any permission, newest first: each a user with `roles` and `has_second_factor`."""
    chosen = accounts.find_staff(query.pop("q", None), query.pop("role", None))
    with transaction() as session:
        found = page(session, chosen, accounts.User.id.desc(), **query)
        ids = [user.id for user in found["data"]]
        held: dict[str, list[str]] = {user_id: [] for user_id in ids}
        roles = select(access.UserRole.user_id, access.UserRole.role).where(access.UserRole.user_id.in_(ids))
        for user_id, role in session.execute(roles.order_by(access.UserRole.role)):
            held[user_id].append(role)
        factors = select(accounts.SecondFactor.user_id).where(
            accounts.SecondFactor.user_id.in_(ids), accounts.SecondFactor.confirmed_at.is_not(None)
        )
        protected = set(session.scalars(factors))
    found["data"] = [
        {"user": user, "roles": held[user.id], "has_second_factor": user.id in protected} for user in found["data"]
    ]
    return found


def decide(principal: Principal | None, resource: str, action: str) -> dict[str, object]:
    """Whether the principal holds `resource:action`, and why. None: of a token that is not valid."""
    if principal is None:
        return {"allowed": False, "reason": "The token is invalid, expired or revoked."}
    permission = f"{resource}:{action}"
    may = permission in principal.permissions
    if principal.key_id:
        return {"allowed": may, "reason": f"The API key {'holds' if may else 'does not hold'} {permission}."}
    if permission in principal.withheld:
        return {"allowed": False, "reason": SECOND_FACTOR_MISSING}
    return {"allowed": may, "reason": f"{'A' if may else 'No'} role of the user holds {permission}."}


def list_users(query: dict[str, Any]) -> Page:
    """A page of user accounts that match, newest first."""
    found = accounts.find_users(query.pop("q", None), query.pop("role", None))
    with transaction() as session:
        return page(session, found, accounts.User.id.desc(), **query)
