"""docs/limits.md lists every limit, as the settings and docs/errors.md have them."""

import re
from pathlib import Path

from setting_groups.limits import Limits
from settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
ROWS = re.findall(r"^\| `SHOP_(\w+)` \| ([^|]+?) \|(.*)$", (DOCS / "limits.md").read_text(), re.MULTILINE)


def test_every_limit_is_listed_with_its_default() -> None:
    listed = {name.lower(): default for name, default, _ in ROWS}
    assert len(listed) == len(ROWS)
    assert Limits.model_fields.keys() - listed.keys() == set()
    for name, shown in listed.items():
        default = Settings.model_fields[name].default
        written = default if isinstance(default, str) else f"{default:,.0f}"
        assert re.match(rf"{re.escape(written)}\b", shown), f"SHOP_{name.upper()}: {shown} instead of {written}"


def test_every_code_of_a_limit_is_explained() -> None:
    explained = set(re.findall(r"^### `(\w+)`$", (DOCS / "errors.md").read_text(), re.MULTILINE))
    codes = {code for *_, rest in ROWS for code in re.findall(r"\[`(\w+)`\]\(errors\.md#", rest)}
    assert "cart_full" in codes
    assert codes <= explained
