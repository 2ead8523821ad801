"""The tables of the engine (schema `workflow`). The application owns the migrations; `metadata` is for Alembic."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, MetaData, Row, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from durable.ids import Id

Now = Annotated[datetime, mapped_column(server_default=func.now())]

metadata = MetaData(
    schema="workflow",
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


class Base(DeclarativeBase):
    metadata = metadata
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB(none_as_null=True)}


class RunRecord(Base):
    """An execution of a workflow. The row is the source of truth; a Celery message only says that it can continue."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("workflow", "key"),
        # lease_until is in no index, so that renewing a lease is a HOT update.
        Index("ix_run_live", "id", postgresql_where=text("finished_at IS NULL")),
        Index("ix_run_failed", "id", postgresql_where=text("status = 'failed'")),
        Index("ix_run_error_code", text("(error ->> 'code')"), "id", postgresql_where=text("error IS NOT NULL")),
        Index("ix_run_owner_id", "owner", "id", postgresql_where=text("owner IS NOT NULL")),
        Index("ix_run_request_id_id", "request_id", "id", postgresql_where=text("request_id IS NOT NULL")),
    )
    id: Mapped[str] = mapped_column(Id("run"), primary_key=True)
    workflow: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")
    key: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="running")
    input: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    signals: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # not consumed by a step yet
    owner: Mapped[str | None] = mapped_column(Id("usr"))
    parent: Mapped[str | None] = mapped_column(Id("run"))  # the run that waits for this run
    request_id: Mapped[str | None]
    trace: Mapped[str | None]  # see traces.py
    generation: Mapped[int] = mapped_column(server_default="0")  # incremented whenever the run is published again
    attempts: Mapped[int] = mapped_column(server_default="0")  # failures since the last completed step
    publications: Mapped[int] = mapped_column(server_default="0")  # by dispatchers, since the last completed step
    replays: Mapped[int] = mapped_column(server_default="0")  # by operators; see replaying.py
    lease_until: Mapped[datetime]  # when the run is due for a dispatcher
    published_at: Mapped[datetime | None]  # None: no message is on its way
    patience: Mapped[float | None]  # seconds from the first step to the deadline
    deadline: Mapped[datetime | None]
    progress_at: Mapped[Now]
    stuck_at: Mapped[datetime | None]
    stuck_reason: Mapped[str | None]
    created_at: Mapped[Now]
    finished_at: Mapped[datetime | None]


class StepRecord(Base):
    """A step of a run. `intent`: started, not known to be done. `done` and `refused` are final.

    `lease_until` of an intent: a worker holds the step until then or, with an `error`, the retry delay ends then.
    """

    __tablename__ = "step"
    run_id: Mapped[str] = mapped_column(Id("run"), ForeignKey(RunRecord.id, ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    output: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    request: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))  # of an external call, until it is answered
    progress: Mapped[dict[str, Any] | None]  # reported with `heartbeat`
    attempts: Mapped[int] = mapped_column(server_default="1")
    queue: Mapped[str]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


RunRow = RunRecord | Row[*tuple[Any, ...]]
"""A run's record, or a row with its columns."""
StepRow = StepRecord | Row[*tuple[Any, ...]]
"""A step's record, or a row with its columns."""


class AttemptRecord(Base):
    """An attempt of a step that has failed, or whose `output` a replay has discarded. The last hundred are kept."""

    __tablename__ = "attempt"
    run_id: Mapped[str] = mapped_column(Id("run"), ForeignKey(RunRecord.id, ondelete="CASCADE"), primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str | None]
    error: Mapped[dict[str, Any]]
    output: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[Now]


class QueueProgress(Base):
    """Per queue: the publication time of the last message that a worker received, and the number received so far."""

    __tablename__ = "queue_progress"
    queue: Mapped[str] = mapped_column(primary_key=True)
    published_at: Mapped[datetime]
    served: Mapped[int] = mapped_column(BigInteger, server_default="0")


class BreakerRecord(Base):
    """The circuit breaker of a queue's external calls. No row is the same as `state` closed."""

    __tablename__ = "breaker"
    queue: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    failures: Mapped[int] = mapped_column(server_default="0")
    opened_at: Mapped[datetime | None]
    error: Mapped[str | None]


class DispatcherRecord(Base):
    """A dispatcher process, and the time of its last successful sweep."""

    __tablename__ = "dispatcher"
    name: Mapped[str] = mapped_column(primary_key=True)
    swept_at: Mapped[datetime]


class ScheduleRecord(Base):
    """The last slot that was started, or skipped, for a schedule."""

    __tablename__ = "schedule"
    workflow: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[str]
