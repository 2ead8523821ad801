"""Documents refer only to existing files, tests and pages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "durable" / "README.md"])
MADE = ("build", "var")
"""Folders that commands create."""
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in MADE and path.name[0] != "."}
CURRENT = [
    d for d in DOCUMENTS if d.name != "CHANGELOG.md" and d.parent.name != "decisions"
]  # these also describe the past


def names(document: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", document.read_text())


@pytest.mark.parametrize("document", CURRENT, ids=lambda d: d.name)
def test_files_named_in_a_document_exist(document: Path) -> None:
    paths = [name.partition("::")[0] for name in names(document)]
    paths = [path for path in paths if re.fullmatch(r"[\w./-]+", path) and path.partition("/")[0] in FOLDERS]
    named = [path for path in paths if "/" in path and "gift" not in path]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_tests_named_in_a_document_exist(document: Path) -> None:
    missing, file = [], Path()
    for name in names(document):
        path, _, test = name.partition("::")
        if not test:
            continue
        file = file if path == "…" else ROOT / path
        if not file.exists() or f"def {test.partition('[')[0]}(" not in file.read_text():
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_pages_linked_from_a_document_exist(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|mailto:)([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_lines_wrap_at_120(document: Path) -> None:
    """Except tables, code and URLs."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    assert [line for line in text.splitlines() if len(line) > 120 and not line.lstrip().startswith(("|", "http"))] == []
