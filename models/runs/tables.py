"""The tables of durable execution (schema `workflow`)."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base, Created, Id


class Run(Base):
    """One execution of a workflow. `failed` means that a person is needed; a refusal ends `cancelled`."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("workflow", "key"),
        # lease_until stays out of every index: extending a lease is then a HOT update.
        Index("ix_run_live", "id", postgresql_where=text("finished_at IS NULL")),
        Index("ix_run_failed", "id", postgresql_where=text("status = 'failed'")),
        {"schema": "workflow"},
    )
    id: Mapped[str] = mapped_column(Id("run"), primary_key=True)
    workflow: Mapped[str]
    key: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="running")
    input: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    signals: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    owner: Mapped[str | None] = mapped_column(Id("usr"))
    request_id: Mapped[str | None]
    generation: Mapped[int] = mapped_column(server_default="0")
    attempts: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime]
    published_at: Mapped[datetime | None]
    deadline: Mapped[datetime | None]
    stuck_at: Mapped[datetime | None]
    created_at: Mapped[Created]
    finished_at: Mapped[datetime | None]


class Step(Base):
    """One step of a run. `intent`: begun, and not known to be done; `done` and `refused` are final."""

    __tablename__ = "step"
    __table_args__ = ({"schema": "workflow"},)
    run_id: Mapped[str] = mapped_column(Id("run"), ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    output: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    attempts: Mapped[int] = mapped_column(server_default="1")
    generation: Mapped[int]
    queue: Mapped[str]
    worker: Mapped[str | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Served(Base):
    """Per queue, when the latest message that a worker has taken from it was published, and how many were taken.

    Written once a second by each process of a worker, so `served` is behind by a second's work at most.
    """

    __tablename__ = "served"
    __table_args__ = ({"schema": "workflow"},)
    queue: Mapped[str] = mapped_column(primary_key=True)
    published_at: Mapped[datetime]
    served: Mapped[int] = mapped_column(BigInteger, server_default="0")
