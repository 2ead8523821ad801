"""Linters accept the OpenAPI document. The programs of docs/clients.md place an order with generated clients."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clients import node
from tests.conftest import Caller
from tests.processes import ROOT
from tests.serving import serving
from tests.shop import Shop
from tests.shopping import make_product

PAGE = (ROOT / "docs" / "clients.md").read_text()
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
pytestmark = pytest.mark.timeout(400)  # npm may install a hundred packages
MOST_MODELS = 3
"""Model files of the generated client for each schema of the document: a schema, and an enumeration or two in it."""


@pytest.fixture(scope="module")
def document(app: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_text(app.extensions["openapi"]())
    return file


@pytest.fixture
def url(database: None, sign_in: Callable[..., Caller], tmp_path: Path) -> Iterator[str]:
    """A shop with a customer, ada, and a product."""
    sign_in("ada")
    make_product("EMMA", 10)
    with ExitStack() as exits:
        shop = Shop(tmp_path, exits)
        shop.worker()
        shop.dispatcher()
        yield exits.enter_context(serving(tmp_path, SHOP_GATEWAY_PORT=str(shop.gateway.ports["http"])))


def check_order(printed: str, status: str) -> None:
    """The program has printed the id of an order that was placed for two units, and the status of its task."""
    from models.core.database import transaction
    from models.orders import Order

    order_id, shown = printed.split()
    assert shown == status
    with transaction() as session:
        order = session.get_one(Order, order_id)
        assert (order.status, order.total) == ("confirmed", 2 * 1999)


def generate(document: Path, folder: Path) -> Path:
    (folder / "generator.yaml").write_text(yaml.safe_dump({**yaml.safe_load(BLOCKS["yaml"]), "post_hooks": []}))
    made = folder / "shopflow_client"
    done = subprocess.run(
        ("openapi-python-client", "generate", "--path", document, "--config", folder / "generator.yaml",
         "--meta", "none", "--output-path", made, "--fail-on-warning"),
        capture_output=True, text=True, env={"PATH": str(Path(sys.executable).parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_a_python_client_places_an_order(url: str, document: Path, tmp_path: Path) -> None:
    made = generate(document, tmp_path)
    schemas = json.loads(document.read_text())["components"]["schemas"]
    assert len(list((made / "models").iterdir())) < MOST_MODELS * len(schemas)
    program = tmp_path / "order.py"
    program.write_text(BLOCKS["python"])
    done = subprocess.run((sys.executable, program), env={"SHOP_URL": url}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    check_order(done.stdout, "succeeded")


@node.needs_node
def test_a_typescript_client_places_an_order(url: str, document: Path) -> None:
    folder = node.install()
    (folder / "order.ts").write_text(BLOCKS["ts"])
    (folder / "tsconfig.json").write_text((node.HERE / "tsconfig.json").read_text())
    types = (*PAGE.split("npx ")[1].split("\n")[0].replace("$SHOP_URL/openapi.json", str(document)).split(),)
    for command in (types, ("tsc",)):
        done = node.run(folder, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    done = node.run(folder, "node", "order.js", SHOP_URL=url)
    assert done.returncode == 0, done.stderr
    check_order(done.stdout, "succeeded")


@node.needs_node
@pytest.mark.parametrize(
    "command",
    [
        ("redocly", "lint", "--config", str(node.HERE / "redocly.yaml"), "--max-problems=20"),
        ("spectral", "lint", "-r", str(node.HERE / "spectral.yaml"), "--fail-severity=warn"),
    ],
    ids=lambda command: str(command[0]),
)
def test_a_linter_accepts_the_document(document: Path, command: tuple[str, ...]) -> None:
    done = node.run(node.install(), *command, str(document))
    assert done.returncode == 0, done.stdout + done.stderr
