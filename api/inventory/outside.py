"""Views of reservations for orders of other systems, such as a marketplace or a till."""

from typing import Any

from flask import g, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.pagination import Page, page, page_of
from api.inventory.blueprint import blueprint
from api.inventory.outside_schemas import NewReservation, NewReservationBody, Reservation, ReservationQuery
from api.tasks.accepted import LOCATION
from models import inventory
from models.core.database import transaction
from settings import settings


@blueprint.route("/reservations")
class ReservationsView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(ReservationQuery, location="query")
    @blueprint.response(200, page_of(Reservation))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns reservations for orders of other systems, newest first."""
        chosen = {name: query.pop(name) for name in ("status", "reference") if name in query}
        with transaction() as session:
            found = page(session, inventory.select_outside(**chosen), inventory.OutsideReservation.id.desc(), **query)
            found["data"] = _views(session, found["data"])
        return found

    @allowed("reservations:write")
    @error_codes("not_found", "insufficient_stock", "product_unavailable", "already_reserved", "reservation_expired")
    @blueprint.arguments(NewReservation)
    @idempotent()
    @blueprint.response(201, Reservation, headers=LOCATION)
    def post(self, session: Session, body: NewReservationBody) -> tuple[object, int, dict[str, str]]:
        """Holds stock for an order of another system, until it is shipped or released, or the reservation expires.

        All lines or none, and only available units. While goods are held for a reference, it cannot be used again.
        """
        lines = {line["product_id"]: line["quantity"] for line in body["lines"]}
        seconds = body.get("expires_in", min(settings.reservation_seconds, settings.reservation_max_seconds))
        held = inventory.hold(session, body["reference"], lines, seconds, owner=g.principal.user_id)
        return _view(session, held), 201, {"Location": url_for("inventory.ReservationView", reservation_id=held.id)}


@blueprint.route('/reservations/<id("res"):reservation_id>')
class ReservationView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, Reservation)
    def get(self, reservation_id: str) -> dict[str, object]:
        """Returns a reservation with its lines."""
        with transaction() as session:
            return _view(session, inventory.get_outside(session, reservation_id))


@blueprint.route('/reservations/<id("res"):reservation_id>/release')
class ReleaseReservationView(MethodView):
    @allowed("reservations:write")
    @error_codes("wrong_state")
    @idempotent()
    @blueprint.response(200, Reservation)
    def post(self, session: Session, reservation_id: str) -> dict[str, object]:
        """Releases the goods of a reservation: they are available at once.

        Repeated, or after the reservation has expired, it changes nothing. 409 once the goods were shipped.
        """
        return _view(session, inventory.release_held(session, reservation_id))


@blueprint.route('/reservations/<id("res"):reservation_id>/ship')
class ShipReservationView(MethodView):
    @allowed("reservations:write")
    @error_codes("wrong_state")
    @idempotent()
    @blueprint.response(200, Reservation)
    def post(self, session: Session, reservation_id: str) -> dict[str, object]:
        """Takes the goods of a reservation out of stock: they were sold elsewhere, and have left.

        All of them. Repeated, it changes nothing. 409 once they were released or the reservation has expired.
        """
        return _view(session, inventory.ship_held(session, reservation_id))


def _view(session: Session, held: inventory.OutsideReservation) -> dict[str, object]:
    return _views(session, [held])[0]


def _views(session: Session, found: list[inventory.OutsideReservation]) -> list[dict[str, object]]:
    lines = inventory.get_outside_lines(session, [held.id for held in found])
    names = ("id", "reference", "status", "expires_at", "run_id", "created_at", "updated_at")
    return [{**{name: getattr(held, name) for name in names}, "lines": lines[held.id]} for held in found]
