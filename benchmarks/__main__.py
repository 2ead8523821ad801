"""The command line: `python -m benchmarks [engine|checkout|…|all]`: what `make bench` runs."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

PROGRAMS = ("engine", "checkout", "backlog", "growth", "reads")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("program", type=click.Choice([*PROGRAMS, "memory", "overload", "bulkheads", "all"]), default="all")
@click.option("--runs", type=click.IntRange(1, 100), default=5, show_default=True, help="Times each thing is measured.")
@click.option("--json", "kept", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures there, too.")
@click.option("--sizes", default="1000,100000,1000000", show_default=True, help="Past orders and products of `growth`.")
@click.option("--seconds", default=60.0, show_default=True, help="How long a load of `overload`, `bulkheads` lasts.")
@click.option("--max-wait", default=60.0, show_default=True, help="SHOP_MAX_WAIT of `overload`.")
@click.option("--minutes", type=click.FloatRange(1), default=30, show_default=True, help="How long `memory` takes.")
def main(
    program: str, runs: int, kept: Path | None, sizes: str, minutes: float, seconds: float, max_wait: float
) -> None:
    """Measures Shopflow on this machine and prints medians beside their targets.

    engine: workflows per second, against a plain Celery canvas and against DBOS. checkout: orders through HTTP.
    backlog: 2,000 checkouts in the queue of one worker process. growth: orders and lists with a million past
    orders. reads: lists, searches and product pages of 100,000 products, and their import. memory: of each process
    while customers order. overload: orders that are confirmed when up to four times as many come as can be done.
    bulkheads: what goes on while the mail server or the gateway hangs. These three take long and are not part of all.
    Everything runs in a temporary folder and is stopped and deleted at the end.
    """
    if program == "all":
        _run_all(runs, kept, sizes)
        return
    for name in [name for name in os.environ if name.startswith("SHOP_")]:
        del os.environ[name]  # they could lead us to somebody's real shop
    with tempfile.TemporaryDirectory(prefix="shop-bench-") as folder:
        _serve_settings_from(Path(folder))
        measure = importlib.import_module(f"benchmarks.{program}").measure
        options: dict[str, dict[str, Any]] = {
            "growth": {"sizes": [int(size) for size in sizes.split(",")]},
            "memory": {"minutes": minutes},
            "overload": {"seconds": seconds, "max_wait": max_wait},
            "bulkheads": {"seconds": seconds},
        }
        report = measure(Path(folder), runs, **options.get(program, {}))
    report.show()
    if kept:
        kept.write_text(json.dumps([report.as_dict()], indent=2) + "\n")


def _serve_settings_from(folder: Path) -> None:
    """Settings are read when they are imported, so this comes before any module of the shop."""
    os.environ["SHOP_VAR"] = str(folder)
    for name in ("API", "FLOWER", "GATEWAY", "PAYPAL", "MAILBOX", "SMTP"):
        os.environ[f"SHOP_{name}_PORT"] = "0"
    os.environ["SHOP_LOG_LEVEL"] = "INFO"  # as every shop runs


def _run_all(runs: int, kept: Path | None, sizes: str) -> None:
    """Each program in a process of its own, for each has settings of its own."""
    reports = []
    with tempfile.TemporaryDirectory(prefix="shop-bench-") as folder:
        for name in PROGRAMS:
            file = Path(folder) / f"{name}.json"
            command = [sys.executable, "-m", "benchmarks", name, f"--runs={runs}", f"--json={file}", f"--sizes={sizes}"]
            if subprocess.run(command, check=False).returncode != 0:
                raise click.ClickException(f"The benchmark {name} did not come to its end.")
            reports += json.loads(file.read_text())
    if kept:
        kept.write_text(json.dumps(reports, indent=2) + "\n")


if __name__ == "__main__":
    main()
