"""The feed of public events: positions without gaps, in the order of each subject, and cursors of its readers.

An event becomes visible when its transaction commits, so neither ids nor ordinals are visible in order: a reader that
remembers the last id would miss events that commit late. The relay gives positions to committed events only, and
readers remember a position. An event that commits late gets a later position.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, String, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, Statements

POSITIONS, EXCHANGE = "positions", "exchange"
"""Names of cursors: the last position that was given, and the last event that was published to the exchange."""


class Cursor(Base):
    """How far a part of the shop has come in the feed. `moved_at`: when its process last did something."""

    __tablename__ = "event_cursor"
    __table_args__ = ({"schema": "workflow"},)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    moved_at: Mapped[Created]


class PublicEvent(NamedTuple):
    """An event of the feed."""

    id: str
    type: str
    version: int
    position: int
    subject: str
    timestamp: datetime
    data: dict[str, Any]

    def envelope(self) -> dict[str, Any]:
        """The event as other programs receive it, serialisable as JSON."""
        at = self.timestamp.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {**self._asdict(), "timestamp": at}


# Two statements: the second one's snapshot begins when the row is locked, so it sees what its last holder committed.
_LOCK = select(Cursor.position).where(Cursor.name == POSITIONS).with_for_update()
_PLACE = text("""
    WITH next AS (
        SELECT id, row_number() OVER (ORDER BY ordinal) AS number FROM (
            SELECT id, ordinal FROM workflow.event WHERE position IS NULL AND ordinal IS NOT NULL
            ORDER BY ordinal LIMIT :limit
        ) AS first
    ), placed AS (
        UPDATE workflow.event SET position = :last + next.number FROM next WHERE event.id = next.id RETURNING position
    ), moved AS (
        UPDATE workflow.event_cursor SET position = :last + (SELECT count(*) FROM placed), moved_at = clock_timestamp()
        WHERE name = :name AND (
            EXISTS (SELECT FROM placed) OR moved_at < clock_timestamp() - make_interval(secs => :heartbeat)
        )
    )
    SELECT count(*) FROM placed
""").bindparams(bindparam("last", type_=BigInteger), bindparam("limit", type_=Integer))
HEARTBEAT = 10.0  # seconds after which an idle relay shows that it is alive


def place_events(session: Session, limit: int = 1000) -> int:
    """Gives the next positions to committed public events, in the order of their ordinals. Returns their number.

    Safe to run concurrently: the counter's row is locked until the transaction ends.
    """
    last = session.connection().scalar(_LOCK)
    if last is None:
        session.execute(insert(Cursor).values(name=POSITIONS, position=0).on_conflict_do_nothing())
        last = session.connection().execute(_LOCK).scalar_one()
    values = {"last": last, "limit": limit, "name": POSITIONS, "heartbeat": HEARTBEAT}
    return int(session.connection().execute(_PLACE, values).scalar_one())


_COLUMNS = "id, name AS type, version, position, subject, created_at AS timestamp, payload AS data"
_AFTER = (
    text(f"""
    SELECT {_COLUMNS} FROM workflow.event
    WHERE position > :after AND position <= :until AND (:types IS NULL OR name = ANY(:types))
        AND (:subject IS NULL OR subject = :subject)
    ORDER BY position LIMIT :limit
""")  # noqa: S608, constants only
    .bindparams(
        *(bindparam(name, type_=BigInteger) for name in ("after", "until")),
        bindparam("types", type_=ARRAY(String)),
        bindparam("subject", type_=String),
        bindparam("limit", type_=Integer),
    )
    .columns(id=Id("evt"))
)


def read_after(
    session: Statements, after: int, *, until: int, types: Sequence[str] | None = None, subject: str | None = None,
    limit: int = 200,
) -> list[PublicEvent]:  # fmt: skip
    """The first events with a position above `after` and at most `until`, of these types and this subject, if any."""
    chosen = {"types": list(types) if types is not None else None, "subject": subject}
    values = {"after": after, "until": until, "limit": limit, **chosen}
    return [PublicEvent(*row) for row in session.execute(_AFTER, values)]


_POSITION = select(Cursor.position).where(Cursor.name == bindparam("of"))


def last_position(session: Statements) -> int:
    """The last position that was given; 0 if there was none."""
    return session.execute(_POSITION, {"of": POSITIONS}).scalar_one_or_none() or 0


def read_cursor(session: Session, name: str) -> int:
    """The position of a cursor, which is created at the beginning of the feed."""
    known = session.connection().scalar(_POSITION, {"of": name})
    if known is not None:
        return int(known)
    session.execute(insert(Cursor).values(name=name, position=0).on_conflict_do_nothing())
    return session.execute(_POSITION, {"of": name}).scalar_one()


_MOVE = text("""
    UPDATE workflow.event_cursor SET position = greatest(position, :position), moved_at = clock_timestamp()
    WHERE name = :name
""").bindparams(bindparam("position", type_=BigInteger))


def move_cursor(session: Session, name: str, position: int) -> None:
    """Records that everything up to this position is done."""
    session.connection().execute(_MOVE, {"name": name, "position": position})
