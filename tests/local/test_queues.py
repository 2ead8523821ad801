"""The type of the queues, which depends on the broker."""

import json
import os
import subprocess
import sys

import pytest

from settings import QUEUES
from tests.processes import ROOT

SHOW = "import celeryconfig as c, json; print(json.dumps({q.name: q.queue_arguments for q in c.task_queues}))"


@pytest.mark.parametrize(
    ("broker", "arguments"),
    [("redis://queue.example/0", {}), ("amqp://shop:secret@rabbit.example//", {"x-queue-type": "quorum"})],
)
def test_queues_are_replicated_if_the_broker_supports_it(broker: str, arguments: dict[str, str]) -> None:
    environment = os.environ | {"SHOP_BROKER_URL": broker, "SHOP_RESULT_URL": "redis://results.example/0"}
    found = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert json.loads(found.stdout) == dict.fromkeys(QUEUES, arguments)
