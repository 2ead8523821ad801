"""Reports that need no workers."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from durable.ids import new_id
from models import reports
from models.core.database import transaction


def written(kind: str = "levels", days: float = 1, slot: str | None = None, **options: Any) -> str:
    """Writes a report on the last days in one transaction; returns its id."""
    report_id, end = new_id("rep"), datetime.now(UTC) + timedelta(seconds=1)
    start = end - timedelta(days=days)
    with transaction() as session:
        scope = reports.Scope(
            report_id=report_id, kind=kind, start=start.isoformat(), end=end.isoformat(),
            options=cast(reports.Options, options), slices=reports.cut(session, reports.KINDS[kind], start, end),
        )  # fmt: skip
        rows = sum(reports.write_slice(session, scope, number) for number in range(len(scope["slices"])))
        reports.publish(session, scope, slot or report_id, new_id("run"), rows)
    return report_id
