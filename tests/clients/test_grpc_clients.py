"""The programs of docs/grpc.md place an order and follow it. buf lints the protos and finds breaking changes."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients import node
from tests.clients.test_generated_clients import check_order
from tests.conftest import Caller
from tests.processes import ROOT
from tests.rpc.serving import serving
from tests.shop import Shop
from tests.shopping import make_product

PAGE = (ROOT / "docs" / "grpc.md").read_text()
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
PROTOS = ROOT / "rpc" / "protos"
pytestmark = pytest.mark.timeout(400)  # npm may install a hundred packages


@pytest.fixture
def environment(database: None, sign_in: Callable[..., Caller], tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the programs need: a shop with a product, and the token of a customer."""
    make_product("EMMA", 10)
    with ExitStack() as exits:
        shop = Shop(tmp_path, exits)
        shop.worker()
        shop.dispatcher()
        running = exits.enter_context(serving(tmp_path, SHOP_GATEWAY_PORT=str(shop.gateway.ports["http"])))
        token = sign_in("ada").access_token
        yield {"SHOP_RPC": running.address, "SHOP_TOKEN": token, "SHOP_PROTOS": str(PROTOS)}


def test_a_python_client_places_an_order_and_follows_it(environment: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "order.py"
    program.write_text(BLOCKS["python"])
    done = subprocess.run(
        (sys.executable, program), env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check_order(done.stdout, "succeeded")


@node.needs_node
def test_a_node_client_places_an_order_and_follows_it(environment: dict[str, str]) -> None:
    folder = node.install()
    (folder / "order_by_grpc.js").write_text(BLOCKS["js"])
    done = node.run(folder, "node", "order_by_grpc.js", **environment)
    assert done.returncode == 0, done.stderr
    check_order(done.stdout, "succeeded")


@node.needs_node
@pytest.mark.parametrize(
    "command",
    [
        ("lint", str(PROTOS)),
        ("format", "--diff", "--exit-code", str(PROTOS)),
        ("breaking", str(PROTOS), "--against", str(ROOT / "rpc" / "released.binpb")),
    ],
    ids=lambda command: str(command[0]),
)
def test_buf_accepts_the_protos(command: tuple[str, ...], tmp_path: Path) -> None:
    done = node.run(node.install(), "buf", *command, BUF_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


@node.needs_node
def test_buf_finds_a_breaking_change(tmp_path: Path) -> None:
    for file in PROTOS.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(PROTOS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(file.read_text().replace("string sku = 2;", "string sku = 102;"))
    released = str(ROOT / "rpc" / "released.binpb")
    done = node.run(node.install(), "buf", "breaking", str(tmp_path), "--against", released)
    assert done.returncode != 0
    assert '"2" with name "sku"' in done.stdout
