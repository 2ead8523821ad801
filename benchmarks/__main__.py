"""The command `python -m benchmarks [engine|checkout|…|all]`, which `make bench` runs."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

LONG = ("memory", "overload", "bulkheads", "events", "trends", "pages")
PROGRAMS = ("engine", "checkout", "backlog", "growth", "reads", "grpc")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("program", type=click.Choice([*PROGRAMS, *LONG, "all"]), default="all")
@click.option(
    "--runs", type=click.IntRange(1, 100), default=5, show_default=True, help="Number of measurements of each figure."
)
@click.option(
    "--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures to this file."
)
@click.option(
    "--sizes", default="1000,100000,1000000", show_default=True, help="growth: numbers of past orders and products."
)
@click.option("--seconds", default=60.0, show_default=True, help="overload, bulkheads: duration of each load.")
@click.option("--max-wait", default=60.0, show_default=True, help="overload: SHOP_MAX_WAIT.")
@click.option("--minutes", type=click.FloatRange(1), default=30, show_default=True, help="memory: duration.")
def main(
    program: str, runs: int, file: Path | None, sizes: str, minutes: float, seconds: float, max_wait: float
) -> None:
    """Measure Shopflow on this machine and print medians and targets.

    engine: workflows per second, compared with a plain Celery canvas and with DBOS. checkout: orders through HTTP.
    backlog: 2,000 checkouts in the queue of one worker process. growth: orders and lists with up to a million past
    orders. reads: lists, searches and product pages of 100,000 products, and their import. grpc: calls for
    products and tokens. memory: memory of each
    process under load. overload: goodput at up to four times the capacity. bulkheads: throughput while the mail server
    or the payment gateway hangs. events: webhooks and the feed. trends: reports on trends. pages: pages
    of a shop with 100,000 products, their weight and their first paint in Chromium on a slow connection. The last six
    are not part of all.

    Everything runs in a temporary folder, which is deleted at the end.
    """
    if program == "all":
        _run_all(runs, file, sizes)
        return
    for name in [name for name in os.environ if name.startswith("SHOP_")]:
        del os.environ[name]  # they may refer to a production database
    with tempfile.TemporaryDirectory(prefix="shop-bench-") as folder:
        _set_environment(Path(folder))
        measure = importlib.import_module(f"benchmarks.{program}").measure
        options: dict[str, dict[str, Any]] = {
            "growth": {"sizes": [int(size) for size in sizes.split(",")]},
            "memory": {"minutes": minutes},
            "overload": {"seconds": seconds, "max_wait": max_wait},
            "bulkheads": {"seconds": seconds},
        }
        report = measure(Path(folder), runs, **options.get(program, {}))
    report.show()
    if file:
        file.write_text(json.dumps([report.as_dict()], indent=2) + "\n")


def _set_environment(folder: Path) -> None:
    """Sets the shop's settings. Must run before any module of the shop is imported, because that reads them."""
    os.environ["SHOP_VAR"] = str(folder)
    for name in ("API", "FLOWER", "GATEWAY", "PAYPAL", "CARRIER", "MAILBOX", "SMTP"):
        os.environ[f"SHOP_{name}_PORT"] = "0"
    for name in ("REGISTRATIONS", "GUEST_CARTS", "MAILS", "IMPORTS"):
        os.environ[f"SHOP_LIMIT_{name}"] = "1000000/1 minute"  # all customers have the same address
    os.environ["SHOP_LOG_LEVEL"] = "INFO"  # the default of the shop


def _run_all(runs: int, file: Path | None, sizes: str) -> None:
    """Runs each program in a separate process, because each has its own settings."""
    reports = []
    with tempfile.TemporaryDirectory(prefix="shop-bench-") as folder:
        for name in PROGRAMS:
            part = Path(folder) / f"{name}.json"
            command = [sys.executable, "-m", "benchmarks", name, f"--runs={runs}", f"--json={part}", f"--sizes={sizes}"]
            if subprocess.run(command, check=False).returncode != 0:
                raise click.ClickException(f"The benchmark {name} failed.")
            reports += json.loads(part.read_text())
    if file:
        file.write_text(json.dumps(reports, indent=2) + "\n")


if __name__ == "__main__":
    main()
