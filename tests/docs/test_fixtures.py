"""The fixtures that docs/workflows.md lists are those of the tests of workflows."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOMES = ("tests/conftest.py", "tests/shopping.py", "tests/workflows/conftest.py")


def is_fixture(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any("fixture" in ast.unparse(each) for each in node.decorator_list)


def test_the_listed_fixtures_exist() -> None:
    table = (ROOT / "docs" / "workflows.md").read_text().split("| fixture | what it is |")[1].split("\n\n")[0]
    listed = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    declared = {
        node.name
        for home in HOMES
        for node in ast.walk(ast.parse((ROOT / home).read_text()))
        if isinstance(node, ast.FunctionDef) and is_fixture(node)
    }
    assert {"shop", "product", "order", "customer"} <= listed
    assert listed <= declared
