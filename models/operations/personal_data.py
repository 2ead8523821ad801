"""What the shop holds about a user, for them to take along (GDPR, article 20)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, bindparam, select, text
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session

from durable.ids import Id
from models.access import ApiKey, UserRole
from models.accounts import (
    Address,
    Device,
    EmailChange,
    Identity,
    ListView,
    LoginSession,
    Passkey,
    PendingEmail,
    Phone,
    Preference,
    SecondFactor,
    User,
)
from models.carts import Cart, Item
from models.core.event_log import Event
from models.fulfilment import Parcel, ParcelLine, TrackingEvent
from models.inventory import Backorder, Waiting
from models.notifications import Notification
from models.orders import CreditNote, History, Invoice, Line, Order
from models.payments import Payment, Transaction
from models.reports import Subscription
from models.returns import Return, ReturnLine

_USER: ColumnElement[str] = bindparam("user_id", type_=Id("usr"))


@dataclass(frozen=True)
class Section:
    """Rows of a table that belong to a user. Secrets, and what only staff see, are `without`."""

    name: str
    table: type[DeclarativeBase]
    belongs: ColumnElement[bool]
    without: frozenset[str] = frozenset()

    @property
    def rows(self) -> Table:
        return cast(Table, self.table.__table__)

    def query(self) -> Select[Any]:
        columns = [column for column in self.rows.columns if column.name not in self.without]
        return select(*columns).where(self.belongs).order_by(*self.rows.primary_key.columns)


def _in(column: InstrumentedAttribute[Any], of: InstrumentedAttribute[Any], *which: ColumnElement[bool]) -> Any:
    return column.in_(select(of).where(*which))


_LABEL = frozenset({"label", "label_cost", "label_currency", "label_refund", "label_error", "gateway", "run_id"})
_DERIVED = frozenset({"username_key", "username_skeleton", "email_key", "last_name_key"})
_OWN_ORDER = Order.user_id == _USER


def _of_order(column: InstrumentedAttribute[Any]) -> Any:
    return _in(column, Order.id, _OWN_ORDER)


SECTIONS = (
    Section("user", User, User.id == _USER, _DERIVED | {"password_hash"}),
    Section("addresses", Address, Address.user_id == _USER),
    Section("pending_email_address", PendingEmail, PendingEmail.user_id == _USER, frozenset({"token_hash", "run_id"})),
    Section(
        "former_email_addresses", EmailChange, EmailChange.user_id == _USER, frozenset({"token_hash", "email_key"})
    ),
    Section("phone", Phone, Phone.user_id == _USER, frozenset({"code_of"})),
    Section("devices", Device, Device.user_id == _USER, frozenset({"p256dh", "auth"})),
    Section("preferences", Preference, Preference.user_id == _USER),
    Section("list_views", ListView, ListView.user_id == _USER),
    Section("sessions", LoginSession, LoginSession.user_id == _USER, frozenset({"refresh_hash"})),
    Section("second_factor", SecondFactor, SecondFactor.user_id == _USER, frozenset({"secret", "last_step"})),
    Section("passkeys", Passkey, Passkey.user_id == _USER, frozenset({"credential_id", "public_key", "sign_count"})),
    Section("identities", Identity, Identity.user_id == _USER),
    Section("roles", UserRole, UserRole.user_id == _USER),
    Section("api_keys", ApiKey, ApiKey.user_id == _USER, frozenset({"key_hash"})),
    Section("report_subscriptions", Subscription, Subscription.user_id == _USER),
    Section("cart", Cart, Cart.user_id == _USER, frozenset({"token_hash", "reminded_of"})),
    Section("cart_items", Item, _in(Item.cart_id, Cart.id, Cart.user_id == _USER)),
    Section("back_in_stock", Waiting, Waiting.user_id == _USER),
    Section("orders", Order, _OWN_ORDER, frozenset({"note", "tags"})),
    Section("order_lines", Line, _of_order(Line.order_id)),
    Section("order_history", History, _of_order(History.order_id), frozenset({"actor"})),
    Section("invoices", Invoice, _of_order(Invoice.order_id)),
    Section("credit_notes", CreditNote, _of_order(CreditNote.order_id)),
    Section("payments", Payment, _of_order(Payment.order_id), frozenset({"next_action"})),
    Section(
        "transactions", Transaction,
        _in(Transaction.payment_id, Payment.id, _of_order(Payment.order_id)), frozenset({"run_id"}),
    ),
    Section("backorders", Backorder, _of_order(Backorder.order_id)),
    Section("parcels", Parcel, _of_order(Parcel.order_id), _LABEL | {"delivery_run_id"}),
    Section("parcel_lines", ParcelLine, _in(ParcelLine.parcel_id, Parcel.id, _of_order(Parcel.order_id))),
    Section("tracking", TrackingEvent, _in(TrackingEvent.parcel_id, Parcel.id, _of_order(Parcel.order_id))),
    Section("returns", Return, Return.user_id == _USER, _LABEL),
    Section("return_lines", ReturnLine, _in(ReturnLine.return_id, Return.id, Return.user_id == _USER)),
    # Texts of mails may contain links with tokens; the other members say what was sent, when and where.
    Section(
        "notifications", Notification, Notification.user_id == _USER, frozenset({"key", "text", "last_error", "held"})
    ),
    Section("events", Event, Event.subject == bindparam("subject"), frozenset({"version", "ordinal", "position"})),
)  # fmt: skip
"""In the order of the file."""


def write(session: Session, user_id: str) -> Iterator[str]:
    """Yields a JSON document with everything that the shop holds about a user, as of one instant.

    Must be the first use of its transaction. Times are in UTC (RFC 3339), amounts in minor units.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    yield f'{{"exported_at": {json.dumps(_plain(datetime.now(UTC)))}'
    for section in SECTIONS:
        yield f',\n"{section.name}": ['
        found = session.execute(
            section.query().execution_options(yield_per=500), {"user_id": user_id, "subject": user_id}
        )
        for number, row in enumerate(found.mappings()):
            yield ("," if number else "") + "\n  " + json.dumps(dict(row), default=_plain, ensure_ascii=False)
        yield "]"
    yield "\n}\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in personal data")
