"""Reads through HTTP with a large catalogue: lists, searches, product pages, and an import.

Readers are threads of one process that send requests over open connections and discard the responses. They share the
machine with the shop.
"""

import csv
import hashlib
import io
import json
import random
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.figures import Report, alternating, percentile
from benchmarks.parts import Shop, cpu_seconds, peak_memory

PRODUCTS = 100_000
READERS = 8
SECONDS = 2.0  # per measurement
MIN_THROUGHPUT = 400.0  # requests per second
STAFF = {"username": "operator", "email": "operator@example.com", "password": "a pass phrase for operators"}
WORDS = 5000
"""Vocabulary of the catalogue. Word frequencies follow Zipf's law, as in natural languages."""


def measure(folder: Path, runs: int) -> Report:
    """Imports a catalogue of 100,000 products through the API, then reads it."""
    report = Report("reads", runs)
    shop = Shop(folder / "shop")
    with shop.up():
        shop.run("create-admin", *(f"--{name}={value}" for name, value in STAFF.items()))
        found = shop.processes()
        pids = {name: process["pid"] for name, process in found.items() if process["pid"]}
        api = Api(found["api"]["address"])
        _import(report, api, pids)
        shop.module("benchmarks.history", "analyse")
        kinds = _requests(api)
        for name, requests in kinds.items():
            _read(api, requests, 1.0)  # warm-up: connections, caches
            report.say(f"warm: {name}")
        for name in alternating(runs, list(kinds)):
            report.calibrate()
            _measure(report, api, pids, name, kinds[name])
    return report


class Api:
    """A client of the API, signed in as staff."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.host = urlsplit(address).hostname or ""
        self.port = urlsplit(address).port or 80
        body = {name: STAFF[name] for name in ("username", "password")}
        self.token = self.request("/v1/auth/login", json.dumps(body).encode(), "application/json")["access_token"]

    def request(self, path: str, body: bytes | None = None, content_type: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        if body is not None:
            headers["Content-Type"] = content_type
        prepared = urllib.request.Request(self.address + path, body, headers)  # noqa: S310
        with urllib.request.urlopen(prepared, timeout=120) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
        return found

    def etag(self, path: str) -> str:
        with urllib.request.urlopen(self.address + path, timeout=60) as answer:  # noqa: S310
            return str(answer.headers["ETag"])


def catalogue(products: int, *, are_coined: bool = False) -> bytes:
    """Generates a catalogue as a CSV file, the same one each time. `are_coined`: each title has a word of its own."""
    chance = random.Random(1)  # noqa: S311
    words = [hashlib.md5(str(n).encode(), usedforsecurity=False).hexdigest()[: 4 + n % 5] for n in range(WORDS)]
    words = [re.sub("[0-9]", lambda digit: "aeioubcdfg"[int(digit[0])], word) for word in words]
    weights = [1 / (n + 2) for n in range(WORDS)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["sku", "kind", "title", "author", "category", "price", "stock", "description", "attributes"])
    for n in range(products):
        said = chance.choices(words, weights, k=44)
        title = [*said[:4], coined(n)] if are_coined else said[:4]
        kind = ("book", "clothing", "electronics")[n % 3]
        author = f"{words[n % 977].title()} {words[n * 7 % 4999].title()}" if kind == "book" else ""
        writer.writerow([
            f"SKU-{n:06}", kind, " ".join(title).capitalize(), author, f"Shelf {words[n % 200]}",
            f"{5 + n % 90}.{n % 100:02}", n % 50, " ".join(said[4:]).capitalize() + ".",
            '{"pages": 320, "language": "en"}' if kind == "book" else '{"colour": "blue", "brand": "Aurelio"}',
        ])  # fmt: skip
    return text.getvalue().encode()


def coined(n: int) -> str:
    """A word of six to nine letters, another one for each number up to a million."""
    letters = hashlib.md5(f"coined {n}".encode(), usedforsecurity=False).digest()
    return "".join("abcdefghijklmnopqrstuvwxyz"[letter % 26] for letter in letters[: 6 + n % 4])


def _import(report: Report, api: Api, pids: dict[str, int]) -> None:
    """Imports the catalogue twice; the second import changes nothing."""
    body = catalogue(PRODUCTS)
    memory = {name: pid for name, pid in pids.items() if name.startswith(("api", "worker"))}
    at_rest = peak_memory(memory)
    for what in ("created", "unchanged"):
        before = cpu_seconds(pids)
        began = time.perf_counter()
        accepted = api.request("/v1/catalogue/imports", body, "text/csv")
        sent = time.perf_counter() - began
        while not (task := api.request(f"{accepted['links']['task']}?wait=30"))["finished_at"]:
            pass
        took = time.perf_counter() - began
        if task["status"] != "succeeded" or task["result"][what] != PRODUCTS:
            raise RuntimeError(f"The import failed: {task['status']} {task['result']}")
        after = cpu_seconds(pids)
        report.note(f"import, {what}", PRODUCTS / took, "rows/s", at_least=2000)
        report.note(f"import, {what}: latency of the 202", sent, "s")
        cost = sum(after.values()) - sum(before.values())
        report.note(f"import, {what}: CPU", cost / PRODUCTS * 1e6, "µs/row")
        report.say(f"{what}: {PRODUCTS / took:.0f} rows/s")
    for name, peak in peak_memory(memory).items():
        report.note(f"import: {name}, growth of the largest process", peak - at_rest[name], "MiB")


def _requests(api: Api) -> dict[str, list[bytes]]:
    """Name → requests, sent repeatedly in this order."""
    chance = random.Random(2)  # noqa: S311
    titles = []
    cursor = ""
    for _ in range(5):
        page = api.request(f"/v1/products?sort=price&limit=100{cursor}")
        titles += [product["title"] for product in page["data"]]
        ids = [product["id"] for product in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
    one = [chance.choice(title.split()) for title in titles]
    two = [" ".join(chance.sample(title.split(), 2)) for title in titles]
    newest, product = "/v1/products", f"/v1/products/{ids[0]}"
    tags = {path: f"If-None-Match: {api.etag(path)}" for path in (newest, product)}
    return {
        "list, newest first": [_get(newest)],
        "list of a kind, by price": [_get(f"/v1/products?sort=price&kind={k}") for k in ("book", "clothing")],
        "search, one word": [_get(f"/v1/products?q={quote(word)}") for word in one],
        "search, two words": [_get(f"/v1/products?q={quote(words)}") for words in two],
        "search, prefix of a word": [_get(f"/v1/products?q={quote(word[:3])}") for word in one],
        "product page": [_get(f"/v1/products/{product_id}") for product_id in ids],
        "list, not modified": [_get(newest, tags[newest])],
        "product page, not modified": [_get(product, tags[product])],
    }


def _get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: shop", *headers, "", ""]).encode()


def _measure(report: Report, api: Api, pids: dict[str, int], name: str, requests: list[bytes]) -> None:
    before = cpu_seconds(pids)
    began = time.process_time()
    times, took = _read(api, requests, SECONDS)
    mine = time.process_time() - began
    after = cpu_seconds(pids)
    report.note(name, len(times) / took, "requests/s", at_least=MIN_THROUGHPUT)
    report.note(f"{name}: p95", percentile(times, 0.95) * 1000, "ms")
    for part in ("api", "postgres"):
        report.note(f"{name}: CPU, {part}", (after[part] - before[part]) / len(times) * 1000, "ms/request")
    report.note(f"{name}: CPU, readers", mine / len(times) * 1000, "ms/request")
    report.say(f"{name}: {len(times) / took:.0f} requests/s")


def _read(api: Api, requests: Sequence[bytes], seconds: float) -> tuple[list[float], float]:
    """Sends requests for `seconds`. Returns the latencies and the total duration, in seconds."""
    times: list[list[float]] = [[] for _ in range(READERS)]
    wrong: list[BaseException] = []
    end = time.perf_counter() + seconds

    def read(mine: list[float], turns: Iterator[bytes]) -> None:
        try:
            with socket.create_connection((api.host, api.port), 60) as connection:
                while (began := time.perf_counter()) < end:
                    connection.sendall(next(turns))
                    _read_response(connection.recv)
                    mine.append(time.perf_counter() - began)
        except Exception as error:
            wrong.append(error)
            raise

    began = time.perf_counter()
    threads = [threading.Thread(target=read, args=(mine, _turns(requests, at))) for at, mine in enumerate(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(f"A reader failed: {wrong[0]!r}")
    return [one for mine in times for one in mine], time.perf_counter() - began


def _turns(requests: Sequence[bytes], start: int) -> Iterator[bytes]:
    at = start * len(requests) // READERS
    while True:
        yield requests[at % len(requests)]
        at += 1


def _read_response(receive: Callable[[int], bytes]) -> None:
    """Reads a response. Raises RuntimeError for a status other than 200 and 304."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = receive(65536)
        if not piece:
            raise RuntimeError(f"The server closed the connection: {got[:200]!r}")
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    status = head[9:12]
    if status not in (b"200", b"304"):
        raise RuntimeError(got[:500].decode())
    length = re.search(rb"(?i)content-length: (\d+)", head)
    left = 0 if status == b"304" or length is None else int(length[1]) - len(body)
    while left > 0:
        left -= len(receive(65536))
