"""docs/grpc.md lists every call with its twin and its rule, and every status. The programs are as short as promised."""

import re
from pathlib import Path

from rpc.services import SERVICES
from rpc.statuses import CODES
from tests.rpc.pairs import PAIRS

PAGE = (Path(__file__).parents[2] / "docs" / "grpc.md").read_text()


def test_the_table_lists_every_call_with_its_twin_and_its_rule() -> None:
    rows = re.findall(r"^\| `(\w+\.v1\.\w+/\w+)` \| `([^`]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    rules = {method.name: method.rule.name for service in SERVICES for method in service.methods.values()}
    assert {f"shopflow.{call}": (twin, rule.strip("`")) for call, twin, rule in rows} == {
        name: (pair.twin, rules[name]) for name, pair in PAIRS.items()
    }
    assert len(rows) == len(PAIRS)


def test_the_table_of_statuses_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([\d, ]*)\|", PAGE, re.MULTILINE)
    listed = {int(status): code for code, shown in rows for status in re.findall(r"\d+", shown)}
    assert listed == {**{status: code.name for status, code in CODES.items()}, 500: "INTERNAL"}


def test_the_program_in_python_has_about_fifteen_lines() -> None:
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for line in program.splitlines() if line and not re.match(r"import|from", line)]
    assert len(lines) <= 15
