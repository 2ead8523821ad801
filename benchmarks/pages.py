"""Pages with 100,000 products: how long the server takes for one, what it weighs, and when a slow browser shows it.

Chromium must be on PATH. Requests come one after the other; a title has a word that no other title has, so that the
words from which slips are corrected are many.
"""

import json
import random
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.figures import Report, alternating, percentile
from benchmarks.parts import Shop
from benchmarks.reads import PRODUCTS, STAFF, Api, _read_response, catalogue, coined

REQUESTS = 60  # per measurement
MAX_LATENCY = 50.0  # ms, p50
MAX_WEIGHT = 100.0  # kB
MAX_PAINT = 1.0  # s
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
"""A slow 4G connection as in Lighthouse: milliseconds, bytes per second."""
CPU = 4  # times slower
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SEEN = """() => new Promise((resolve) => {
    let shift = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
    }).observe({type: "layout-shift", buffered: true});
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    setTimeout(() => resolve({shift, paint: paint.startTime}), 500);
})"""


def measure(folder: Path, runs: int) -> Report:
    """Imports a catalogue of 100,000 products through the API, then visits its pages."""
    report = Report("pages", runs)
    shop = Shop(folder / "shop")
    with shop.up():
        shop.run("create-admin", *(f"--{name}={value}" for name, value in STAFF.items()))
        api = Api(shop.processes()["api"]["address"])
        accepted = api.request("/v1/catalogue/imports", catalogue(PRODUCTS, are_coined=True), "text/csv")
        while not (task := api.request(f"{accepted['links']['task']}?wait=30"))["finished_at"]:
            pass
        if task["status"] != "succeeded":
            raise RuntimeError(f"The import failed: {task['result']}")
        shop.module("benchmarks.history", "analyse")
        pages = _pages(api)
        _first_slip(report, api, pages["search with a slip"][0])
        for paths in pages.values():
            _latencies(api, paths[:10])  # warm-up
        for name in alternating(runs, list(pages)):
            report.calibrate()
            times = _latencies(api, [pages[name][at % len(pages[name])] for at in range(REQUESTS)])
            report.note(f"{name}: p50", percentile(times, 0.5) * 1000, "ms", at_most=MAX_LATENCY)
            report.note(f"{name}: p95", percentile(times, 0.95) * 1000, "ms")
        for _ in range(runs):
            for name in ("home", "list", "search, one word", "product"):
                _look(report, api.address, name, pages[name][0])
    return report


def _pages(api: Api) -> dict[str, list[str]]:
    """Name → addresses of pages."""
    chance = random.Random(3)  # noqa: S311
    found = api.request("/v1/products?sort=price&limit=100")["data"]
    words = [chance.choice(product["title"].split()[:4]) for product in found]
    slips = [_slip(coined(n), chance) for n in chance.sample(range(PRODUCTS), 100)]
    return {
        "home": ["/"],
        "list": ["/products"],
        "list of a category, by price": [f"/products?sort=price&category={one['category']['id']}" for one in found],
        "product": [f"/products/{product['id']}" for product in found],
        "basket": ["/basket"],
        "search, one word": [f"/products?q={quote(word)}" for word in words],
        "search, two words": [f"/products?q={quote(' '.join(one['title'].split()[:2]))}" for one in found],
        "search with a slip": [f"/products?q={word}" for word in slips],
        "search without any hit": [f"/products?q={word}" for word in ("qqqqqqqqqqq", "zzzzzzzzzz+zzzzzzzzz")],
        "suggestions": [f"/search/suggestions?q={quote(word[:4])}" for word in words],
        "suggestions with a slip": [f"/search/suggestions?q={word}" for word in slips],
    }


def _slip(word: str, chance: random.Random) -> str:
    """The word with two letters swapped, or one missing."""
    at = chance.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1 :] if at % 2 else word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _first_slip(report: Report, api: Api, path: str) -> None:
    """The first search with a slip of a process reads the words of all products."""
    [took] = _latencies(api, [path])
    report.note("the first search with a slip of a process", took * 1000, "ms")


def _latencies(api: Api, paths: list[str]) -> list[float]:
    """The seconds that each page takes, one after the other, on one connection."""
    times = []
    with socket.create_connection((api.host, api.port), 60) as connection:
        for path in paths:
            asked = f"GET {path} HTTP/1.1\r\nHost: {api.host}:{api.port}\r\nAccept: text/html\r\n\r\n"
            began = time.perf_counter()
            connection.sendall(asked.encode())
            _read_response(connection.recv)
            times.append(time.perf_counter() - began)
    return times


def _look(report: Report, address: str, name: str, path: str) -> None:
    """Opens a page in a new browser, with an empty cache and on a slow connection."""
    with _chromium() as page:
        sizes: dict[str, float] = {}
        devtools = page.context.new_cdp_session(page)
        devtools.on(
            "Network.loadingFinished", lambda done: sizes.update({done["requestId"]: done["encodedDataLength"]})
        )
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", SLOW)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": CPU})
        page.goto(f"{address}{path}", wait_until="networkidle")
        seen = page.evaluate(SEEN)
    report.note(f"{name}: weight with styles and scripts", sum(sizes.values()) / 1000, "kB", at_most=MAX_WEIGHT)
    report.note(f"{name}: first contentful paint", seen["paint"] / 1000, "s", at_most=MAX_PAINT)
    report.note(f"{name}: layout shift", seen["shift"], "", at_most=0)
    report.say(f"{name}: {json.dumps(seen)}, {len(sizes)} files")


@contextmanager
def _chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise RuntimeError("There is no Chromium on PATH; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser.new_context(viewport={"width": 412, "height": 823}).new_page()
        finally:
            browser.close()
