"""Duration of the dispatcher's sweep: `python -m benchmarks.sweeps TIMES`, in the environment of a running shop.

Prints a JSON list of seconds.
"""

import json
import sys
import time

import workflows  # noqa: F401  registers the workflows
from durable.backlog import Queues
from durable.dispatcher import sweep

if __name__ == "__main__":
    queues = Queues()
    seconds = []
    for _ in range(int(sys.argv[1])):
        began = time.perf_counter()
        sweep(queues)
        seconds.append(time.perf_counter() - began)
    queues.close()
    print(json.dumps(seconds))
