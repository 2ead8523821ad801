"""How long the server takes for the pages of the console, with a hundred thousand runs.

`python -m benchmarks.console [RUNS]` fills a new database with past orders, their runs, steps and events, of which some
runs have failed, are stuck or run, then asks for each page as somebody who holds every permission, in this process:
without the network, with the real PostgreSQL and Redis. Prints the median and the 95th percentile. Pages that wait for
answers of workers are left out.
"""

import sys
from contextlib import ExitStack
from statistics import median, quantiles

from benchmarks.desk import enter, measure, serve

PRODUCTS = 1000
PAGES = (
    "/ops/", "/ops/rates", "/ops/runs", "/ops/runs?stuck=true", "/ops/runs?status=failed", "/ops/runs?status=running",
    "/ops/runs?workflow=checkout", "/ops/runs?workflow=checkout&status=failed", "/ops/runs?step=payments.authorise",
    "/ops/runs?error=card_declined", "/ops/runs?error=none", "/ops/runs?older_than=86400", "/ops/runs?order={order}",
    "/ops/runs/{run}", "/ops/runs/{run}/log", "/ops/runs/{stuck}",
    "/ops/runs/{stuck}/retry", "/ops/queues", "/ops/schedule", "/ops/incidents", "/ops/audit", "/ops/find?q={order}",
    "/ops/find?q={run}", "/ops/find?q=past7@example.com", "/ops/find?q=pi_past7",
)  # fmt: skip

ENDINGS = """
UPDATE workflow.run SET status = 'failed', error = '{{"status": 402, "code": "card_declined", "detail": "Declined."}}'
    WHERE id IN (SELECT id FROM workflow.run ORDER BY id LIMIT {few} OFFSET {few});
UPDATE workflow.run SET status = 'running', finished_at = NULL, stuck_at = now(), stuck_reason = 'too_many_attempts',
    error = '{{"status": 503, "code": "too_many_attempts", "detail": "Too many attempts have failed."}}'
    WHERE id IN (SELECT id FROM workflow.run ORDER BY id LIMIT {few} OFFSET {few} * 2);
UPDATE workflow.run SET status = 'running', finished_at = NULL
    WHERE id IN (SELECT id FROM workflow.run ORDER BY id LIMIT {few} OFFSET {few} * 3);
ANALYZE
"""
"""One run in a hundred each."""


def main(runs: int = 100_000) -> None:
    with ExitStack() as exits:
        serve(exits, None)
        from sqlalchemy import text

        from benchmarks.history import fill
        from models.core.database import engine, transaction
        from models.core.schema import migrate
        from web.app import create_app

        migrate()
        fill(PRODUCTS, runs)
        with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in ENDINGS.format(few=runs // 100).split(";\n"):
                connection.execute(text(statement))
        client = enter(create_app())
        with transaction() as session:
            past = session.execute(text("SELECT id, key FROM workflow.run WHERE status = 'succeeded' LIMIT 1")).one()
            stuck = session.execute(text("SELECT id FROM workflow.run WHERE stuck_at IS NOT NULL LIMIT 1")).one()
        ids = {"run": f"run_{past.id.hex}", "order": past.key, "stuck": f"run_{stuck.id.hex}"}
        for path in PAGES:
            spent = measure(client, path.format(**ids))
            print(f"{median(spent):7.1f} ms {quantiles(spent, n=20)[-1]:7.1f} ms  {path}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
