"""Ids: UUIDv7 (RFC 9562) in the database; prefix and 32 hex digits in Python and JSON. They sort by time."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Dialect, Uuid
from sqlalchemy.types import TypeDecorator
from uuid6 import uuid7


class Id(TypeDecorator[str]):
    """A UUID in the database; in Python, a prefix and its 32 hex digits."""

    impl = Uuid
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def process_bind_param(self, value: str | None, dialect: Dialect) -> UUID | None:
        return None if value is None else UUID(value.removeprefix(self.prefix + "_"))

    def process_result_value(self, value: UUID | None, dialect: Dialect) -> str | None:
        return None if value is None else f"{self.prefix}_{value.hex}"


def new_id(prefix: str) -> str:
    """A new id, which sorts after earlier ones: `new_id("run")` → `run_0192…`."""
    return f"{prefix}_{uuid7().hex}"


def uuid_of(run_id: str) -> UUID:
    """The UUID of a run id, for SQL statements."""
    return UUID(run_id.removeprefix("run_"))


def first_id(at: datetime) -> str:
    """The lower bound, without prefix, of ids created at or after that millisecond."""
    return f"{int(at.timestamp() * 1000):012x}{'0' * 20}"


def time_of(id: str) -> datetime:
    """When an id with a prefix was made, to the millisecond."""
    return datetime.fromtimestamp(int(id.partition("_")[2][:12], 16) / 1000, UTC)
