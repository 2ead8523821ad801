"""Pages while a part of the shop is broken: no worker, no Redis, no PostgreSQL."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import requests

from durable import queries
from local.waiting import wait_until
from models import orders
from models.core.database import transaction
from tests.command import shop as run_shop
from tests.conftest import Caller
from tests.serving import serving
from tests.shop import Shop
from tests.web.browser.books import fill_shelves
from tests.web.browser.buying import pay
from tests.web.browser.conftest import Visitor, settings_of
from tests.web.browser.selling import order_of
from tests.web.browser.signing_in import sign_in_as

Visit = Callable[..., Visitor]
SLOW = "This takes longer than usual. Your order is not lost"


class Stoppable:
    """Redis or PostgreSQL of its own, which can be stopped and started with its data and its address."""

    def __init__(self, module: str, folder: Path, is_up: Callable[[Path], object], *options: str) -> None:
        self.sockets, self.is_up = folder / "run", is_up
        self.command = [sys.executable, "-m", module, str(folder / "data"), str(self.sockets), *options]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait_until(lambda: self.process.poll() is not None or self.is_up(self.sockets), 30)
        assert self.process.poll() is None

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def _redis_is_up(sockets: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(sockets / "redis.sock")) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _postgres_is_up(sockets: Path) -> bool:
    try:
        with psycopg.connect(f"host={sockets} user=postgres dbname=shopflow"):
            return True
    except psycopg.OperationalError:
        return False


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Stoppable]:
    found = Stoppable("local.redis", tmp_path / "redis", _redis_is_up)
    yield found
    found.stop()


@pytest.fixture
def shop(database: None, tmp_path: Path, port: int, broker: Stoppable) -> Iterator[Shop]:
    """Gateways, a worker and a dispatcher, with a Redis of their own."""
    with ExitStack() as exits:
        url = f"redis+socket://{broker.sockets}/redis.sock"
        shop = Shop(tmp_path, exits, api_port=port, with_paypal=True, SHOP_BROKER_URL=url, SHOP_GATEWAY_TIMEOUT="60")
        shop.worker()
        shop.dispatcher()
        yield shop


@pytest.fixture
def site(shop: Shop, port: int) -> Iterator[str]:
    with serving(shop.var, SHOP_BROKER_URL=shop.environment["SHOP_BROKER_URL"], **settings_of(shop, port)) as url:
        yield url


def order(visit: Visit) -> Visitor:
    """A customer who has ordered a book, and looks at the order."""
    books = fill_shelves()
    ada = visit()
    for path in ("/", "/products?q=emma", f"/products/{books['Emma']}"):
        ada.open(path)
    ada.follow("Add to basket", "button")
    ada.follow("Checkout")
    sign_in_as(ada, "ada")
    ada.page.wait_for_url(re.compile(r"^[^?]*/checkout$"))
    pay(ada, "works")
    return ada


def make_older(order_id: str) -> None:
    """As if the order had been placed a minute ago, so that nobody has to wait."""
    with transaction() as session:
        orders.lock(session, order_id).created_at -= timedelta(minutes=1)


def has_begun(order_id: str, step: str) -> bool:
    with transaction() as session:
        run_id = orders.get(session, order_id).run_id
        steps = queries.steps_of_run(session, str(run_id))
        return any(one.name == step and one.status != "done" for one in steps)


def test_a_killed_worker_is_told_honestly_and_another_one_takes_over(
    visit: Visit, shop: Shop, sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    late: dict[str, Any] = {"kind": "delay", "seconds": 10, "path": "/v1/payment_intents"}
    requests.post(f"{shop.gateway.url}/sandbox/faults", json=late, timeout=30).raise_for_status()
    ada = order(visit)
    order_id = order_of(ada)
    assert wait_until(lambda: has_begun(order_id, "payments.authorise"), 20)
    worker = next(process for process in shop.processes if "celery" in process.program)
    worker.kill()
    ada.sees("Goods reserved for you")
    make_older(order_id)
    ada.sees(SLOW)
    assert ada.page.get_by_role("heading", level=2).first.inner_text() == "We are working on your order"
    ada.check()
    shop.worker(name="another")
    ada.sees("Your order is confirmed")
    assert not ada.page.get_by_text(SLOW).is_visible()
    ada.check()
    held = [operation for payment in shop.ledger() for operation in payment["operations"]
            if (operation["kind"], operation["status"]) == ("authorise", "succeeded")]  # fmt: skip
    assert len(held) == 1


def test_an_order_is_accepted_without_redis_and_completed_once_it_is_back(
    visit: Visit, shop: Shop, broker: Stoppable, sign_in: Callable[..., Caller]
) -> None:
    sign_in("ada")
    broker.stop()
    ada = order(visit)
    ada.sees("We are working on your order")
    make_older(order_of(ada))
    ada.sees(SLOW)
    ada.check()
    ada.open("/account/orders")
    ada.sees("being checked")
    ada.page.go_back()
    broker.start()
    ada.sees("Your order is confirmed")
    ada.check()


@contextmanager
def empty_shop(folder: Path) -> Iterator[tuple[str, Stoppable]]:
    """The pages of a new shop with a PostgreSQL of its own."""
    database = Stoppable("local.postgres", folder / "postgres", _postgres_is_up, "fsync=off")
    try:
        url = f"postgresql://postgres@/shopflow?host={database.sockets}"
        migrated = run_shop(folder, "migrate", SHOP_DATABASE_URL=url)
        assert migrated.returncode == 0, migrated.stderr
        with serving(folder, SHOP_DATABASE_URL=url) as site:
            yield site, database
    finally:
        database.stop()


def test_without_postgresql_a_page_says_so_until_it_is_back(chromium: Any, axe: str, tmp_path: Path) -> None:
    with empty_shop(tmp_path) as (url, database):
        window = chromium.new_context()
        ada = Visitor(window.new_page(), url, axe)
        ada.open("/products")
        database.stop()
        for path in ("/", "/products", "/categories"):  # a stranger's basket, which is empty, needs no database
            answer = ada.page.goto(f"{url}{path}")
            assert answer is not None
            assert (answer.status, ada.page.locator("h1").inner_text()) == (503, "We are not available just now"), path
            assert "Traceback" not in ada.page.content()
            ada.reported = [text for text in ada.reported if "503" not in text]  # Chromium reports the status
            ada.check()
        database.start()
        assert wait_until(lambda: requests.get(f"{url}/products", timeout=20).status_code == 200, 20)
        ada.open("/products")
        window.close()
