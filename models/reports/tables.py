"""The tables of schema `reports`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created


class Report(Base):
    """A complete report. `slot`: what it was made for; unique."""

    __tablename__ = "report"
    __table_args__ = ({"schema": "reports"},)
    id: Mapped[str] = mapped_column(Id("rep"), primary_key=True)
    slot: Mapped[str] = mapped_column(unique=True)
    run_id: Mapped[str] = mapped_column(Id("run"))
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    totals: Mapped[dict[str, Any]]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[Created]


class Line(Base):
    """A stock level as of the report. Lines are written before their report."""

    __tablename__ = "line"
    __table_args__ = (
        Index("ix_line_low", "report_id", "warehouse_id", postgresql_where=text("low")),
        {"schema": "reports"},
    )
    report_id: Mapped[str] = mapped_column(Id("rep"), primary_key=True)
    warehouse_id: Mapped[str] = mapped_column(Id("wh"), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(16))
    on_hand: Mapped[int]
    reserved: Mapped[int]
    came: Mapped[int] = mapped_column(BigInteger)
    went: Mapped[int] = mapped_column(BigInteger)
    reorder_point: Mapped[int | None]
    low: Mapped[bool]

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved
