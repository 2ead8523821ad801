"""What customers change about an order: they cancel some pieces, and print the label of a return."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.waiting import wait_until
from models import fulfilment, returns
from models.core.database import transaction
from settings import Settings
from tasks.gateways.carriers import CARRIERS
from tasks.gateways.carriers.easypost import EasyPost
from tests.shop import Shop
from tests.web import test_orders
from tests.web.conftest import Browser
from tests.web.ordering import buy, ends
from web.once import new_token

ada, shop = test_orders.ada, test_orders.shop

ACTOR = f"usr_{'0' * 32}"


def test_some_pieces_are_cancelled_once(shop: Shop, ada: Browser) -> None:
    path = buy(ada)
    page = f"{path}/cancel-pieces"
    assert ada.get(page).status_code == 409  # not before it is confirmed
    assert ends(ada, path, "Your order is confirmed")
    order_id = path.rpartition("/")[2]
    assert wait_until(lambda: bool(held(order_id)), 20, 0.1)
    assert f'href="{page}"' in ada.get(path).text
    [units] = re.findall(r'name="(quantity-prd_\w+)"', ada.get(page).text)
    for quantity, words in (("0", "Choose how many"), ("x", "check the fields"), ("3", "Fewer pieces")):
        refused = ada.send(page, {units: quantity, "once": new_token()}, page=page)
        assert (refused.status_code, words in refused.text) == (422, True), quantity
    token = new_token()
    answers = [ada.send(page, {units: "1", "once": token}, page=page) for _ in range(2)]
    assert [answer.headers["Location"] for answer in answers] == [path, path]
    assert "(1 cancelled)" in ada.get(path).text
    assert page not in ada.get(path).text  # one piece is left, which is the whole order
    last = ada.send(page, {units: "1", "once": new_token()}, page=page)
    assert last.status_code == 303
    assert ends(ada, path, "Your order was cancelled")


def held(order_id: str) -> object:
    with transaction() as session:
        return fulfilment.left_to_pack(session, order_id)


def test_the_label_of_a_return_is_downloaded_by_its_customer(
    tmp_path: Path, ada: Browser, browser: Browser, signed_in: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as exits:
        shop = Shop(tmp_path, exits)
        carrier = shop.open_carrier()
        shop.worker()
        shop.dispatcher()
        path = buy(ada)
        assert ends(ada, path, "Your order is confirmed")
        order_id = path.rpartition("/")[2]
        assert wait_until(lambda: bool(held(order_id)), 20, 0.1)
        with transaction() as session:
            fulfilment.edit(session, order_id, actor=ACTOR, status="processing")
            fulfilment.edit(session, order_id, actor=ACTOR, status="shipped")
        assert ends(ada, path, "Your order is on its way")
        with transaction() as session:
            fulfilment.edit(session, order_id, actor=ACTOR, status="delivered")
        assert ends(ada, path, "Your order has arrived")
        form = ada.get(f"{path}/return").text
        [units], [once] = (re.findall(rf'name="({name})"', form) for name in (r"quantity-prd_\w+", "once"))
        [token] = re.findall(r'name="once" value="([^"]+)"', form)
        ada.send(f"{path}/return", {units: "1", "reason": "Too long", once: token})
        with transaction() as session:
            [made] = session.query(returns.Return).all()
        label = f"/returns/{made.id}/label"
        assert ada.get(label).status_code == 404  # there is none yet
        with transaction() as session:
            returns.approve(session, made.id)
        assert ends(ada, path, label)
        monkeypatch.setitem(CARRIERS, "easypost", EasyPost(Settings(carrier_port=carrier.ports["http"])))
        shown = ada.get(label)
        assert (shown.status_code, shown.mimetype, shown.data[:5]) == (200, "application/pdf", b"%PDF-")
        assert signed_in("eve").get(label).status_code == 404
        assert browser.get(label).headers["Location"] == f"/sign-in?next={label}"
