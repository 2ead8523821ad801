"""User administration: accounts and their roles."""

from typing import Any

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.access.blueprint import blueprint
from api.access.schemas import RoleOfUser, Roles
from api.accounts.schemas import User
from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.pagination import Page, page, page_of
from models import access, accounts
from models.core.database import transaction
from serving.access import UserQuery


@blueprint.route("/users")
class UsersView(MethodView):
    @allowed("users:read")
    @blueprint.arguments(UserQuery, location="query")
    @blueprint.response(200, page_of(User))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns user accounts, newest first."""
        found = accounts.find_users(query.pop("q", None), query.pop("role", None))
        with transaction() as session:
            return page(session, found, accounts.User.id.desc(), **query)


@blueprint.route('/users/<id("usr"):user_id>')
class UserView(MethodView):
    @allowed("users:read")
    @blueprint.response(200, User)
    def get(self, user_id: str) -> accounts.User:
        """Returns a user account; 404 once it is closed."""
        with transaction() as session:
            return accounts.get_active(session, user_id)


@blueprint.route('/users/<id("usr"):user_id>/roles')
class UserRolesView(MethodView):
    @allowed("users:read")
    @blueprint.response(200, Roles)
    def get(self, user_id: str) -> dict[str, object]:
        """Returns the roles of a user."""
        with transaction() as session:
            return _roles(session, user_id)

    @allowed("users:write")
    @blueprint.arguments(RoleOfUser)
    @blueprint.response(200, Roles)
    def post(self, body: dict[str, str], user_id: str) -> dict[str, object]:
        """Assigns a role to a user, effective immediately. You must hold all permissions of the role."""
        with transaction() as session:
            accounts.get_active(session, user_id)
            access.grant_role(session, g.principal.permissions, user_id, body["role"])
            return _roles(session, user_id)

    @allowed("users:write")
    @error_codes("last_admin")
    @blueprint.arguments(Roles)
    @blueprint.response(200, Roles)
    def put(self, body: dict[str, list[str]], user_id: str) -> dict[str, object]:
        """Replaces the roles of a user, effective immediately. You must hold all permissions granted or revoked."""
        with transaction() as session:
            accounts.get_active(session, user_id)
            access.set_roles(session, g.principal.permissions, user_id, body["roles"])
            return _roles(session, user_id)


@blueprint.route('/users/<id("usr"):user_id>/roles/<role:role>')
class UserRoleView(MethodView):
    @allowed("users:write")
    @error_codes("last_admin")
    @blueprint.response(204)
    def delete(self, user_id: str, role: str) -> None:
        """Removes a role from a user, effective immediately. The last administrator cannot be removed."""
        with transaction() as session:
            accounts.get_active(session, user_id)
            access.revoke_role(session, g.principal.permissions, user_id, role)


def _roles(session: Session, user_id: str) -> dict[str, object]:
    accounts.get_active(session, user_id)
    return {"roles": access.roles_of(session, user_id)}
