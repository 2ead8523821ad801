"""Reading reports: one, all, and the lines of one."""

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from models.core.errors import NotFound
from models.reports.tables import Line, Report


def get_report(session: Session, report_id: str) -> Report:
    """Returns a report. Raises NotFound, also while it is being written."""
    report = session.get(Report, report_id)
    if report is None:
        raise NotFound("No such report.")
    return report


def select_reports(kind: str | None = None) -> Select[Report]:
    """The query for all reports, or for those of a kind. The caller orders it."""
    return select(Report) if kind is None else select(Report).where(Report.kind == kind)


def lines_after(session: Session, report_id: str, last: Line | None, limit: int) -> list[Line]:
    """The next lines of a report after `last`; None starts at the beginning."""
    query = select(Line).where(Line.report_id == report_id)
    if last is not None:
        query = query.where(tuple_(Line.slice, Line.number) > tuple_(last.slice, last.number))
    return list(session.scalars(query.order_by(Line.slice, Line.number).limit(limit)))
