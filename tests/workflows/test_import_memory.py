"""The memory of a worker that reads a file does not grow with the file."""

import io
import sys
from pathlib import Path

import psutil
import pytest

from models import imports
from models.core.database import transaction
from tests.faults import checks
from tests.shop import Shop
from tests.workflows.test_catalogue_import import sheet, thing

MIB = 1 << 20
BOUND = 40 * MIB  # a row, a piece, and a chunk as lists and as JSON; for a file of any size


def peak(process: int, what: str) -> int:
    """The current (VmRSS) or highest (VmHWM) resident set size, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(what))


def import_file(shop: Shop, size: int) -> None:
    """Imports a file of about `size` bytes whose rows are refused, which takes the least time."""
    long = thing(1, title="?" * 301, description="x" * 18_000)
    header, row = sheet(long).encode().splitlines(keepends=True)
    file = io.BytesIO(header + b"".join(row.replace(b"T-1,", b"T-%d," % number) for number in range(size // len(row))))
    with transaction() as session:
        about = {"sha256": str(size), "file_name": None, "default_kind": None}
        run_id = imports.start_import(session, None, file, **about).run_id  # type: ignore[arg-type]
    assert checks.ended(run_id, 120) == "succeeded"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(180)
def test_a_worker_reads_a_large_file_in_the_memory_of_a_small_one(shop: Shop, database: None) -> None:
    worker = shop.processes[0].pid
    children = [child.pid for child in psutil.Process(worker).children()]
    for _ in range(4):  # each child has imported something
        import_file(shop, MIB)
    before = {child: peak(child, "VmRSS") for child in children}
    import_file(shop, 60 * MIB)
    grown = {child: peak(child, "VmHWM") - before[child] for child in children}
    assert max(grown.values()) < BOUND, grown
