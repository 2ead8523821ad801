"""The plan of a statement, with what it has read."""

from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement


class Explain(Executable, ClauseElement):
    """EXPLAIN ANALYZE of a statement, which is executed."""

    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(Explain)
def _explain(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    return "EXPLAIN (ANALYZE, FORMAT JSON) " + compiler.process(element.statement, **options)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The node and all nodes below it."""
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]
