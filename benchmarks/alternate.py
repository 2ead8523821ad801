"""Old and new code side by side: `python -m benchmarks.alternate ROUNDS TREE…`, each TREE a working tree of the shop.

Starts a shop from each tree, and places orders in each of them in turn: other load of the machine meets all of them.
The trees share the libraries of this one. Prints orders per second, and the processor time of an order by program in
ms, medians of the rounds.
"""

import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.figures import alternating
from benchmarks.parts import Shop, cpu_seconds

CUSTOMERS, ORDERS = 16, 100  # per round and tree
Figures = dict[str, float]


def measure(rounds: int, trees: list[Path]) -> dict[Path, dict[str, list[float]]]:
    """Tree → figure → its values. Raises RuntimeError if an order fails."""
    found: dict[Path, dict[str, list[float]]] = {tree: defaultdict(list) for tree in trees}
    with ExitStack() as exits:
        running = {}
        for tree in trees:
            folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="shop-bench-"))
            shop = exits.enter_context(Shop(Path(folder), tree).up())
            shop.module("benchmarks.history", "fill", 1000, 0)
            send = exits.enter_context(shop.customers(CUSTOMERS))
            send({"shop": [CUSTOMERS, 3 * CUSTOMERS]})  # warm-up: connections, code
            running[tree] = send, {name: process["pid"] for name, process in shop.processes().items()}
        for tree in alternating(rounds, trees):
            send, pids = running[tree]
            before = cpu_seconds(pids)
            answer = send({"shop": [CUSTOMERS, ORDERS]})
            if answer["wrong"]:
                raise RuntimeError(f"{tree}: {answer['wrong'][:3]}")
            for name, value in _per_order(before, cpu_seconds(pids)).items():
                found[tree][name].append(value)
            found[tree]["orders/s"].append(ORDERS / answer["seconds"])
    return found


def _per_order(before: Figures, after: Figures) -> Figures:
    spent: defaultdict[str, float] = defaultdict(float)
    for name in before:
        for label in (name.partition("-")[0], "all"):
            spent[label] += (after[name] - before[name]) / ORDERS * 1000
    return spent


def main() -> None:
    """Prints a line per figure, with a column per tree."""
    rounds, *paths = sys.argv[1:]
    trees = [Path(path).resolve() for path in paths]
    found = measure(int(rounds), trees)
    print("".ljust(12), *(tree.name.rjust(12) for tree in trees))
    for name in sorted({name for figures in found.values() for name in figures}):
        cells = (f"{median(found[tree][name]):.1f}" if name in found[tree] else "" for tree in trees)
        print(name.ljust(12), *(cell.rjust(12) for cell in cells))


if __name__ == "__main__":
    main()
