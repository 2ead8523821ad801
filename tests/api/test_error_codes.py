"""docs/errors.md lists exactly the error codes that the source can return."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from api.http.errors import CODES, SERVER_CODES
from models.accounts.users import TAKEN
from models.core.errors import ShopError

ROOT = Path(__file__).parents[2]
SOURCES = [
    file
    for layer in ("api", "durable", "models", "rpc", "serving", "tasks", "workflows")
    for file in (ROOT / layer).rglob("*.py")
    if "tests" not in file.relative_to(ROOT).parts
]
BY_FLASK = (400, 404, 405, 415)
"""Statuses of Flask's own errors; their codes derive from the names of the statuses."""
TABLES = {"models/accounts/users.py"}
"""Files that take a code from a table; the tables are read below."""

Found = tuple[str, str]  # a code, or "" for an indirect one; and its file


def in_source() -> Iterator[Found]:
    """Every literal code in the source."""
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            for code in in_node(node):
                yield code, str(file.relative_to(ROOT))


def in_node(node: ast.AST) -> Iterator[str]:
    """`Conflict(…, code="x")`, `problem(503, "x", …)`, `{"code": "x"}`, `code = "x"` and `status, code = 400, "x"`."""
    match node:
        case ast.Call(func=ast.Name("problem"), args=[_, ast.Constant(str(code)), *_]):
            yield code
        case ast.keyword("code", ast.Constant(str(code))):
            yield code
        case ast.keyword("code", _):
            yield ""
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                match key, value:
                    case ast.Constant("code"), ast.Constant(str(code)):
                        yield code
        case ast.Assign([ast.Name("code")], ast.Constant(str(code))):
            yield code
        case ast.AnnAssign(ast.Name("code"), value=ast.Constant(str(code))):
            yield code
        case ast.Assign([ast.Tuple([_, ast.Name("code")])], ast.Tuple([_, ast.Constant(str(code))])):
            yield code


def test_the_error_list_has_exactly_the_codes_of_the_source() -> None:
    found = {code for code, _ in in_source() if code}
    found |= {code for code, _ in TAKEN.values()} | set(CODES.values()) | set(SERVER_CODES.values())
    found |= {HTTPStatus(status).name.lower() for status in BY_FLASK}
    listed = re.findall(r"^### `(\w+)`$", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert {"unlisted": found - set(listed), "gone": set(listed) - found} == {"unlisted": set(), "gone": set()}
    assert len(listed) == len(set(listed))


def test_indirect_codes_are_only_in_the_listed_files() -> None:
    assert {file for code, file in in_source() if not code} == TABLES


def test_every_code_is_listed_under_its_status() -> None:
    sections = re.split(r"^## ", (ROOT / "docs/errors.md").read_text(), flags=re.MULTILINE)[1:]
    listed = {code: int(part[:3]) for part in sections for code in re.findall(r"^### `(\w+)`$", part, re.MULTILINE)}
    refusals = {kind.code: kind.status for kind in ShopError.__subclasses__() if "code" in vars(kind)}
    by_flask = {HTTPStatus(status).name.lower(): status for status in BY_FLASK}
    own = {**refusals, **by_flask, **{code: status for status, code in CODES.items()}}
    assert own == {code: listed[code] for code in own}
