"""The workflow of the README passes the linter and the type checker, as a reader would add it."""

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.processes import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README.split("## Adding a workflow")[1].split("\n## ")[0], re.DOTALL)
CHANGED = ("models/core/workflow_inputs.py", "models/core/events.py", "tasks/inventory.py", "workflows/move.py")
COPIED = ("design", "durable", "models", "setting_groups", "stubs", "tasks", "telemetry", "workflows", "pyproject.toml",
          "settings.py", "celeryconfig.py")  # fmt: skip
STARTED = '''"""Starts a run of the example."""

from sqlalchemy.orm import Session

import durable


def begin(session: Session, product_id: str, main: str, annex: str) -> None:
    """Starts a run."""
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with the README's example in it."""
    folder = tmp_path_factory.mktemp("example")
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    if (cache := ROOT / ".mypy_cache").exists():  # the linters of `make test` have left it: without, it takes a minute
        shutil.copytree(cache, folder / cache.name)
    inputs, steps, event, workflow, start = BLOCKS
    imports, _, steps = steps.partition("\n\n\n")
    append(folder / "models/core/workflow_inputs.py", inputs)
    append(folder / "models/core/events.py", event)
    file = folder / "tasks/inventory.py"
    file.write_text(file.read_text().replace("import durable\n", f"import durable\n{imports}\n", 1))
    append(file, steps)
    (folder / "workflows/move.py").write_text(workflow)
    (folder / "started.py").write_text(STARTED + textwrap.indent(start, "    "))
    return folder


def append(file: Path, block: str) -> None:
    file.write_text(f"{file.read_text().rstrip()}\n\n\n{block}")


def run(folder: Path, *command: str) -> None:
    done = subprocess.run((sys.executable, "-m", *command), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_passes_the_linter(tree: Path) -> None:
    run(tree, "ruff", "check", "--quiet", "--fix", "--select", "I", *CHANGED)  # sorts the imports that were added
    run(tree, "ruff", "check", *CHANGED)
    run(tree, "ruff", "format", "--check", *CHANGED)


@pytest.mark.timeout(300)
def test_the_example_passes_the_type_checker(tree: Path) -> None:
    run(tree, "mypy", *CHANGED, "started.py")
