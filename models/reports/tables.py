"""The tables of schema `reports`."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, MinorUnits

SCHEDULES = ("daily", "weekly", "monthly")


class Report(Base):
    """A complete report. `slot`: what it was made for; unique.

    `options`: what it was limited to. `body`: its groups and the data of its charts. `rows`: how many lines it has.
    """

    __tablename__ = "report"
    __table_args__ = ({"schema": "reports"},)
    id: Mapped[str] = mapped_column(Id("rep"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), server_default="levels")
    slot: Mapped[str] = mapped_column(unique=True)
    run_id: Mapped[str] = mapped_column(Id("run"))
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    options: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    totals: Mapped[dict[str, Any]]
    body: Mapped[dict[str, Any]]
    rows: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[Created]


class Line(Base):
    """A line of a report. `cells`: a value for each column of the report's kind. Written before the report.

    `slice`: the part of the report by which it was written; `number`: its place there.
    """

    __tablename__ = "line"
    __table_args__ = ({"schema": "reports"},)
    report_id: Mapped[str] = mapped_column(Id("rep"), primary_key=True)
    slice: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    cells: Mapped[dict[str, Any]]


class Subscription(Base):
    """A user who is sent each report of a kind and a schedule."""

    __tablename__ = "subscription"
    __table_args__ = (
        CheckConstraint(f"schedule IN {SCHEDULES}", name="schedule"),
        Index("ix_subscription_kind_schedule", "kind", "schedule"),
        {"schema": "reports"},
    )
    user_id: Mapped[str] = mapped_column(Id("usr"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    schedule: Mapped[str] = mapped_column(String(8), primary_key=True)
    created_at: Mapped[Created]


class _Figures:
    """Units and their price in minor units: confirmed, cancelled since, and received in returns."""

    sold: Mapped[int] = mapped_column(BigInteger, server_default="0")
    sold_amount: Mapped[MinorUnits] = mapped_column(server_default="0")
    cancelled: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cancelled_amount: Mapped[MinorUnits] = mapped_column(server_default="0")
    returned: Mapped[int] = mapped_column(BigInteger, server_default="0")
    returned_amount: Mapped[MinorUnits] = mapped_column(server_default="0")


class SalesChange(_Figures, Base):
    """What an order has added to the sales of a product. Inserted with the order's change; `fold` moves it to
    DailySales."""

    __tablename__ = "sales_change"
    __table_args__ = ({"schema": "reports"},)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    day: Mapped[date]
    product_id: Mapped[str] = mapped_column(Id("prd"))


class DailySales(_Figures, Base):
    """The sales of a product on a day, in UTC, without the changes that are not folded yet."""

    __tablename__ = "daily_sales"
    __table_args__ = (Index("ix_daily_sales_product_id_day", "product_id", "day"), {"schema": "reports"})
    day: Mapped[date] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
