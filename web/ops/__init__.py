"""The console of operators: its views. Each file declares those of one subject."""

from web.ops import audit, changes, finding, incidents, live, many, overview, processes, rates, run, runs

__all__ = ["audit", "changes", "finding", "incidents", "live", "many", "overview", "processes", "rates", "run", "runs"]
