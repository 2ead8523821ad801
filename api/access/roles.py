"""Roles: named sets of permissions."""

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.access.blueprint import blueprint
from api.access.schemas import NewRole, NewRoleBody, Permissions, Role, RoleChanges
from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from models import access
from models.core.database import transaction


@blueprint.route("/roles")
class RolesView(MethodView):
    @allowed("users:read")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Role))
    def get(self, query: PageArgs) -> Page:
        """Returns all roles, sorted by name."""
        with transaction() as session:
            found = page(session, access.list_roles(), access.Role.name, **query)
        found["data"] = [_role(*row) for row in found["data"]]
        return found

    @allowed("roles:write")
    @error_codes("name_taken")
    @blueprint.arguments(NewRole)
    @idempotent()
    @blueprint.response(201, Role)
    def post(self, session: Session, body: NewRoleBody) -> dict[str, object]:
        """Creates a role. It can only contain permissions that you hold."""
        access.create_role(session, g.principal.permissions, **body)
        return _role(*access.get_role(session, body["name"]))


@blueprint.route("/roles/<role:name>")
class RoleView(MethodView):
    @allowed("users:read")
    @blueprint.response(200, Role)
    def get(self, name: str) -> dict[str, object]:
        """Returns a role."""
        with transaction() as session:
            return _role(*access.get_role(session, name))

    @allowed("roles:write")
    @error_codes("builtin_role")
    @blueprint.arguments(RoleChanges)
    @blueprint.response(200, Role)
    def put(self, body: dict[str, list[str]], name: str) -> dict[str, object]:
        """Replaces the permissions of a role, effective immediately for all its users."""
        with transaction() as session:
            access.change_role(session, g.principal.permissions, name, **body)
            return _role(*access.get_role(session, name))

    @allowed("roles:write")
    @error_codes("builtin_role", "role_in_use")
    @blueprint.response(204)
    def delete(self, name: str) -> None:
        """Deletes a role. Fails with 409 if it is assigned to users."""
        with transaction() as session:
            access.delete_role(session, g.principal.permissions, name)


@blueprint.route("/permissions")
class PermissionsView(MethodView):
    @allowed("users:read")
    @blueprint.response(200, Permissions)
    def get(self) -> dict[str, object]:
        """Returns all permissions, as `resource:action`."""
        return {"data": access.PERMISSIONS}


def _role(name: str, permissions: list[str]) -> dict[str, object]:
    return {"name": name, "permissions": permissions, "builtin": name in access.SEEDS}
