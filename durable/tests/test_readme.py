"""The example in the README runs unchanged."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import durable
from durable.testing import worker
from durable.tests.app import BROKER, DATABASE
from durable.tests.driving import run_of, steps_of, wait_until

README = Path(durable.__file__).parent / "README.md"


def test_the_readme_example_runs(tmp_path: Path) -> None:
    found = re.search(r"```python example\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    (tmp_path / "example.py").write_text(found[1])
    environment: dict[str, Any] = {
        "DATABASE_URL": os.environ[DATABASE].replace("postgresql://", "postgresql+psycopg://"),
        "BROKER_URL": os.environ[BROKER],
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{README.parent.parent}",
    }
    with worker("example", "seats", "cards", log=tmp_path / "log", **environment):
        book = [sys.executable, "-c", "import example; print(example.book('12A'))"]
        started = subprocess.run(book, env=os.environ | environment, capture_output=True, text=True, check=True)
        run_id = started.stdout.strip()
        wait_until(lambda: run_of(run_id).finished_at is not None)
    run = run_of(run_id)
    assert (run.status, run.result) == ("succeeded", {"receipt": f"1200 cents, {run_id}:cards.charge"})
    assert steps_of(run_id)["cards.charge"].attempts == 1
