"""A complete shop, and Chromium to visit it with.

Without Chromium, or without npm for axe, the tests are skipped.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright

from tests.chromium import CHROMIUM, MISSING
from tests.clients import node
from tests.ports import reserved_port
from tests.serving import serving
from tests.shop import Shop

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(600))
            item.add_marker(node.needs_node)
            item.add_marker(pytest.mark.skipif(CHROMIUM is None, reason=MISSING))


class Visitor:
    """Somebody who looks at pages in a browser. Checks each page with axe, and that nothing is reported."""

    def __init__(self, page: Page, url: str, axe: str) -> None:
        self.page, self.url, self.axe = page, url, axe
        self.reported: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.reported.append(str(error)))
        page.set_default_timeout(60_000)

    def _hear(self, message: ConsoleMessage) -> None:
        elsewhere = not message.location["url"].startswith(self.url)  # such as a sandbox without an icon
        if message.type in ("error", "warning") and not (elsewhere and message.location["url"].startswith("http")):
            self.reported.append(f"{message.text} at {self.page.url}")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")
        self.check()

    def follow(self, name: str, role: Any = "link") -> None:
        """Presses a link or button, waits for the page that it leads to, and checks it."""
        self.page.get_by_role(role, name=name, exact=True).first.click()
        self.page.wait_for_load_state()
        self.check()

    def fill(self, fields: Mapping[str, str]) -> None:
        """Fills in fields of the page by their names."""
        for name, value in fields.items():
            field = self.page.locator(f'main [name="{name}"]')
            if field.evaluate("field => field.localName") == "select":
                field.select_option(value)
            else:
                field.fill(value)

    def search(self, text: str) -> None:
        """Types into the search box, and waits for the suggestions for all of it: who types slowly gets some before."""
        box = self.page.get_by_role("combobox", name="Search products")
        with self.page.expect_response(lambda answer: answer.url.endswith(f"/search/suggestions?q={text}")):
            box.press_sequentially(text, delay=20)
        self.page.locator("#q:not(.htmx-request)").wait_for()

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def check(self, but: str = "") -> None:
        """Checks the page: accessibility, nothing in the console, and nothing wider than the window.

        `but`: a selector of what axe leaves out, because it is somebody else's.
        """
        self.page.evaluate(self.axe)
        scope: object = {"include": ["html"], "exclude": [but]} if but else {"include": ["html"]}
        # Details of what passes would take axe half of its time. Frames are somebody else's, and without axe.
        options = {"runOnly": RULES, "resultTypes": ["violations"], "iframes": False}
        found = self.page.evaluate("([scope, options]) => axe.run(scope, options)", [scope, options])
        faults = [
            f"{fault['id']}: {fault['help']}: {node['html'][:200]} {node['failureSummary']}"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]
        assert faults == [], (self.page.url, faults)
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{self.page.url} is {wide} px too wide"
        assert self.reported == []


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright. While it is open, its event loop runs in this thread, and other files could not run theirs."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The program that checks accessibility."""
    return (node.install(Path(__file__).parent) / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A free port for the pages. The gateways and the carrier are told it before anything listens there."""
    with reserved_port() as port:
        yield port


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Shop]:
    """Gateway, PayPal, carrier, mailbox, a worker and a dispatcher, whose webhooks go to the pages' process."""
    with ExitStack() as exits:
        shop = Shop(tmp_path_factory.mktemp("shop"), exits, api_port=port, with_paypal=True)
        shop.open_carrier(f"http://127.0.0.1:{port}/v1/webhooks/carrier")
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture(scope="module")
def site(shop: Shop, port: int) -> Iterator[str]:
    """A shop of real processes, started once per module; yields its URL. Each test has a new database."""
    with serving(shop.var, **settings_of(shop, port)) as url:
        yield url


def settings_of(shop: Shop, port: int) -> dict[str, str]:
    """The settings of the pages' process for these servers."""
    assert shop.paypal is not None
    ports = {"API": port, "GATEWAY": shop.gateway.ports["http"], "PAYPAL": shop.paypal.ports["http"]}
    # A page that was left keeps its stream for some seconds; the browser would report that there is none for the next.
    streams = {"SHOP_STREAMS_PER_CALLER": "8", "SHOP_STREAMS_PER_NETWORK": "8"}
    return {f"SHOP_{name}_PORT": str(number) for name, number in ports.items()} | streams


@pytest.fixture
def visit(chromium: Browser, axe: str, site: str, database: None) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser window of its own: `visit(width=320, java_script_enabled=False)`.

    The windows are closed before the database is reset: their pages ask for what changes.
    """
    with ExitStack() as exits:

        def open_window(width: int = 1200, height: int = 900, **options: Any) -> Visitor:
            context = chromium.new_context(viewport={"width": width, "height": height}, **options)
            exits.callback(context.close)
            return Visitor(context.new_page(), site, axe)

        yield open_window
