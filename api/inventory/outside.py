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
from api.inventory.outside_schemas import Reservation, ReservationQuery
from api.tasks.accepted import LOCATION
from models import inventory
from models.core.database import transaction
from serving.reservations import (
    NewReservation,
    NewReservationBody,
    hold,
    read_one,
    reservation_view,
    reservation_views,
)


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
            found["data"] = reservation_views(session, found["data"])
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
        held = hold(session, body, g.principal.user_id)
        return (
            reservation_view(session, held),
            201,
            {"Location": url_for("inventory.ReservationView", reservation_id=held.id)},
        )


@blueprint.route('/reservations/<id("res"):reservation_id>')
class ReservationView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, Reservation)
    def get(self, reservation_id: str) -> dict[str, object]:
        """Returns a reservation with its lines."""
        return read_one(reservation_id)


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
        return reservation_view(session, inventory.release_held(session, reservation_id))


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
        return reservation_view(session, inventory.ship_held(session, reservation_id))
