"""Addresses of users. One of a user's addresses is the default.

Changes to a user's addresses are serialised by a lock on the user.
"""

from collections.abc import Mapping

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.accounts.tables import Address
from models.accounts.users import lock
from models.core.errors import Conflict, NotFound
from models.core.quotas import check_quota
from settings import settings


def list_addresses(user_id: str) -> Select[Address]:
    """The query for the addresses of a user."""
    return select(Address).where(Address.user_id == user_id)


def add_address(session: Session, user_id: str, address: Mapping[str, object]) -> Address:
    """Adds an address {line1, line2, city, postal_code, country, is_default}. The first is the default.

    Raises Conflict `too_many_addresses`.
    """
    lock(session, user_id)
    detail = "You have as many addresses as the shop allows. Delete one first."
    check_quota(session, list_addresses(user_id), Conflict(detail, code="too_many_addresses", limit=settings.addresses))
    is_default = address.get("is_default", False)
    if is_default:
        _clear_default(session, user_id)
    else:
        is_default = session.scalars(list_addresses(user_id).limit(1)).first() is None
    return insert_address(session, user_id, {**address, "is_default": is_default})


def insert_address(session: Session, user_id: str, address: Mapping[str, object]) -> Address:
    """Inserts an address without considering others, for a user who has none."""
    new = insert(Address).values(id=new_id("adr"), user_id=user_id, **address).returning(Address)
    return session.scalars(new).one()


def get_address(session: Session, user_id: str, address_id: str) -> Address:
    """Returns an address of the user. Raises NotFound, also for another user's address."""
    address = session.get(Address, address_id)
    if address is None or address.user_id != user_id:
        raise NotFound("No such address.")
    return address


def update_address(session: Session, user_id: str, address_id: str, changes: Mapping[str, object]) -> Address:
    """Updates the given fields; existing orders keep their copy. Raises NotFound.

    `is_default=True` makes it the default in place of the previous one. `False` is ignored: the default changes only
    when another address becomes it.
    """
    lock(session, user_id)
    address = get_address(session, user_id, address_id)
    if changes.get("is_default") and not address.is_default:
        _clear_default(session, user_id)
    for name, value in changes.items():
        if name != "is_default" or value:
            setattr(address, name, value)
    session.flush()
    return address


def delete_address(session: Session, user_id: str, address_id: str) -> None:
    """Deletes an address; existing orders keep their copy. Raises NotFound.

    If it was the default, the oldest remaining address becomes the default.
    """
    lock(session, user_id)
    address = get_address(session, user_id, address_id)
    session.delete(address)
    session.flush()
    if address.is_default:
        successor = session.scalars(list_addresses(user_id).order_by(Address.id).limit(1)).one_or_none()
        if successor is not None:
            successor.is_default = True


def address_as_data(session: Session, user_id: str, address_id: str) -> dict[str, object]:
    """An address of the user as a dictionary, as orders store it. Raises NotFound."""
    address = get_address(session, user_id, address_id)
    shown = ("line1", "line2", "city", "postal_code", "country")
    return {name: value for name in shown if (value := getattr(address, name)) is not None}


def _clear_default(session: Session, user_id: str) -> None:
    session.execute(update(Address).where(Address.user_id == user_id, Address.is_default).values(is_default=False))
