"""Stock that is held for orders of other systems, such as a marketplace: the list, releasing and shipping it."""

from collections.abc import Callable

from flask import Response, url_for
from sqlalchemy.orm import Session

from api.inventory.outside_schemas import ReservationQuery
from models import inventory
from models.core.database import transaction
from serving.reservations import reservation_views
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.pages import show
from web.desk.sending import Outcome, read_outcome, send
from web.desk.stock import list_warehouses

RESERVATION = '/reservations/<id("res"):reservation_id>'


@desk.get("/reservations")
@access.allowed("stock:read")
def reservations_page() -> Response:
    """The list of reservations of other systems, newest first."""
    return _show(read_outcome())


@desk.post(f"{RESERVATION}/release")
@takes_form
@access.allowed("reservations:write")
def release_reservation(reservation_id: str) -> Response:
    """Releases the goods: they are available again."""
    return _act("released", lambda session: inventory.release_held(session, reservation_id))


@desk.post(f"{RESERVATION}/ship")
@takes_form
@access.allowed("reservations:write")
def ship_reservation(reservation_id: str) -> Response:
    """Takes the goods out of stock: the other system has sent them."""
    return _act("shipped", lambda session: inventory.ship_held(session, reservation_id))


def _act(done: str, work: Callable[[Session], inventory.OutsideReservation]) -> Response:
    def address(session: Session) -> str:
        return url_for("desk.reservations_page", done=done, task=work(session).run_id)

    return send(address, _show)


def _show(outcome: Outcome, status: int = 200) -> Response:
    filters = read_filters(ReservationQuery(), "status", "reference")
    with transaction() as session:
        found = read_rows(session, filters, inventory.select_outside, inventory.OutsideReservation.id.desc())
        reservations = reservation_views(session, found["data"])
        warehouses = list_warehouses(session)
    return show(
        "reservations.html", status, section="desk.reservations_page", reservations=reservations, filters=filters,
        cursor=found["next_cursor"], warehouses=warehouses, statuses=inventory.OUTSIDE_STATUS.statuses, outcome=outcome,
    )  # fmt: skip
