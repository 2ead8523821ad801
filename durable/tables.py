"""The tables of durable execution (schema `workflow`). Migrations are the project's: `metadata` is for Alembic."""

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
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB}


class RunRecord(Base):
    """One execution of a workflow. The row is the message: what Celery carries only says that it can go on."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("workflow", "key"),
        # lease_until stays out of every index: extending a lease is then a HOT update.
        Index("ix_run_live", "id", postgresql_where=text("finished_at IS NULL")),
        Index("ix_run_failed", "id", postgresql_where=text("status = 'failed'")),
    )
    id: Mapped[str] = mapped_column(Id("run"), primary_key=True)
    workflow: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")
    key: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="running")
    input: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    signals: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # those that no step has consumed yet
    owner: Mapped[str | None] = mapped_column(Id("usr"))
    parent: Mapped[str | None] = mapped_column(Id("run"))  # the run that waits for this one
    request_id: Mapped[str | None]
    generation: Mapped[int] = mapped_column(server_default="0")  # raised whenever the run is published again
    attempts: Mapped[int] = mapped_column(server_default="0")  # failures since its latest step was done
    publications: Mapped[int] = mapped_column(server_default="0")  # by dispatchers since its latest step was done
    lease_until: Mapped[datetime]  # when a dispatcher looks at it
    published_at: Mapped[datetime | None]  # None: no message of it is under way
    patience: Mapped[float | None]  # seconds from its first step to its deadline
    deadline: Mapped[datetime | None]
    progress_at: Mapped[Now]
    stuck_at: Mapped[datetime | None]
    stuck_reason: Mapped[str | None]
    created_at: Mapped[Now]
    finished_at: Mapped[datetime | None]


class StepRecord(Base):
    """One step of a run. `intent`: begun, and not known to be done; `done` and `refused` are final.

    `lease_until`, of an intent: until then it is in a worker's hands or, with an `error`, between two attempts.
    """

    __tablename__ = "step"
    run_id: Mapped[str] = mapped_column(Id("run"), ForeignKey(RunRecord.id, ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    output: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    request: Mapped[Any | None] = mapped_column(JSONB)  # what the outside is asked for, until it has answered
    progress: Mapped[dict[str, Any] | None]  # what the step has said of itself with `heartbeat`
    attempts: Mapped[int] = mapped_column(server_default="1")
    queue: Mapped[str]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


RunRow = RunRecord | Row[*tuple[Any, ...]]
"""A run's record, or a row of its table."""
StepRow = StepRecord | Row[*tuple[Any, ...]]
"""A step's record, or a row of its table."""


class AttemptRecord(Base):
    """An attempt of a step that has failed: when, in which worker, and why. The last hundred of each step are kept."""

    __tablename__ = "attempt"
    run_id: Mapped[str] = mapped_column(Id("run"), ForeignKey(RunRecord.id, ondelete="CASCADE"), primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str | None]
    error: Mapped[dict[str, Any]]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[Now]


class QueueProgress(Base):
    """Per queue, when the latest message that a worker has taken was published, and how many were taken so far."""

    __tablename__ = "queue_progress"
    queue: Mapped[str] = mapped_column(primary_key=True)
    published_at: Mapped[datetime]
    served: Mapped[int] = mapped_column(BigInteger, server_default="0")


class BreakerRecord(Base):
    """A queue whose calls outside are not being answered. Without a row, or with `state` closed, all is well."""

    __tablename__ = "breaker"
    queue: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    failures: Mapped[int] = mapped_column(server_default="0")
    opened_at: Mapped[datetime | None]
    error: Mapped[str | None]


class DispatcherRecord(Base):
    """A dispatcher process, and when its latest sweep succeeded."""

    __tablename__ = "dispatcher"
    name: Mapped[str] = mapped_column(primary_key=True)
    swept_at: Mapped[datetime]


class ScheduleRecord(Base):
    """Up to which slot a schedule has been looked after."""

    __tablename__ = "schedule"
    workflow: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[str]
