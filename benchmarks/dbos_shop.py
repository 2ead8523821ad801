"""The transactions of a checkout in a DBOS workflow, as a process that `benchmarks.engine` starts for comparison.

`python -m benchmarks.dbos_shop SYSTEM_DATABASE_URL NAME THREADS`. Each line on standard input is a JSON list of
[order_id, input]; the response is `done` when their workflows have ended. Rules, tables, connection options and
isolation level are those of Shopflow; steps, their order and their records are those of DBOS. Parallel steps run
sequentially, which is faster in one process.
"""

import json
import sys
from dataclasses import dataclass, field
from typing import Any

from dbos import DBOS, DBOSConfig, SQLAlchemyDatasource
from dbos import SetWorkflowID as WorkflowId

import benchmarks.workers  # noqa: F401, removes the external calls of quiet orders
from durable import Step
from durable.ids import new_id
from durable.run import idempotency_key
from models.core.database import engine, transaction
from settings import settings
from tasks import carts, inventory, notifications, orders, payments

ISOLATION = "READ COMMITTED"


@dataclass
class Run:
    """The run as a step sees it, with the outputs of the previous steps."""

    id: str
    key: str
    input: dict[str, Any]
    workflow: str = "checkout"
    outputs: dict[str, Any] = field(default_factory=dict)

    def output(self, step: Step[Any]) -> Any:
        return self.outputs.get(step.name)


def launch(system_database_url: str, name: str, threads: int) -> SQLAlchemyDatasource:
    """Configures DBOS in this process, with a separate system database."""
    config = DBOSConfig(
        name="checkout", system_database_url=system_database_url, executor_id=name, log_level="WARNING",
        max_executor_threads=threads,
    )  # fmt: skip
    DBOS(config=config)
    shop = SQLAlchemyDatasource.create(settings.database, engine=engine(), schema="dbos_outputs")
    return shop


def checkout_of(shop: SQLAlchemyDatasource) -> Any:
    """The checkout as a DBOS workflow on this database."""

    def transact(name: str, work: Any, *arguments: Any) -> Any:
        options: Any = {"name": name, "isolation_level": ISOLATION}
        return shop.run_tx_step(options, lambda: work(shop.sql_session(), *arguments))

    def local(step: Step[Any], run: Run) -> None:
        run.outputs[step.name] = transact(step.name, step.work, run)

    def external(step: Step[Any], run: Run) -> None:
        assert step.call is not None

        def call() -> Any:
            assert step.call is not None
            with transaction() as session:
                request = step.work(session, run)
            return step.call(request, idempotency_key(run.id, step.name))

        answer = DBOS.run_step({"name": f"{step.name}.call"}, call)
        run.outputs[step.name] = transact(step.name, step.record, run, answer)

    @DBOS.workflow(name="checkout")
    def checkout(run_id: str, order_id: str, about: dict[str, Any]) -> Any:
        run = Run(run_id, order_id, about)
        local(inventory.reserve, run)
        external(payments.authorise, run)
        local(orders.confirm, run)
        local(inventory.allocate, run)
        local(carts.remove_ordered, run)
        external(notifications.order_confirmed, run)
        local(orders.complete, run)
        return run.outputs[orders.complete.name]

    return checkout


def main() -> None:
    """Reads commands from standard input until end of file."""
    system_database_url, name, threads = sys.argv[1:]
    checkout = checkout_of(launch(system_database_url, name, int(threads)))
    DBOS.launch()
    print("ready", flush=True)
    for line in sys.stdin:
        handles = []
        for order_id, about in json.loads(line):
            run_id = new_id("run")
            with WorkflowId(run_id):
                handles.append(DBOS.start_workflow(checkout, run_id, order_id, about))
        for handle in handles:
            handle.get_result()
        print("done", flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main()
