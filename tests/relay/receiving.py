"""A listener, a deliverer and the endpoints between them."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from durable.ids import new_id
from models import webhooks
from models.core import event_feed, event_log
from models.core.database import transaction
from models.core.events import OrderCancelled, OrderConfirmed, OrderCreated
from models.webhooks import addresses
from settings import Settings
from tests.processes import ROOT, Process

STORY = (OrderCreated, OrderConfirmed, OrderCancelled)


def tell(order: str, *events: Any) -> None:
    """Emits events of an order, and gives them positions."""
    with transaction() as session:
        for event in events or (OrderCreated,):
            event_log.emit(session, event(order_id=order, user_id=new_id("usr")))
    with transaction() as session:
        event_feed.place_events(session)


class Receiver:
    """A process that receives webhooks, and a process that delivers them."""

    def __init__(self, exits: ExitStack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exits, self.folder = exits, folder
        monkeypatch.setattr(addresses, "settings", Settings(webhooks_allow_private=True))
        listener = subprocess.Popen(
            [sys.executable, "-m", "tests.relay.listener", str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert listener.stdout is not None
        exits.callback(listener.wait)
        exits.callback(listener.kill)
        exits.callback(listener.stdout.close)
        self.port = int(listener.stdout.readline())

    def endpoint(self, path: str, *types: str) -> webhooks.Endpoint:
        with transaction() as session:
            return webhooks.create_endpoint(session, f"http://127.0.0.1:{self.port}{path}", types, "")

    def deliver(self, **settings: str) -> Process:
        """Starts a deliverer."""
        environment = {**os.environ, "SHOP_WEBHOOKS_ALLOW_PRIVATE": "1", **settings}
        process = Process("shop", "webhooks", environment=environment, log=self.folder / "webhooks.log")
        self.exits.callback(process.stop)
        return process

    def received(self, path: str) -> list[dict[str, Any]]:
        """Headers and body of each request to a path, in order."""
        lines = [json.loads(line) for line in (self.folder / "received").read_text().splitlines()]
        return [{**line, "event": json.loads(line["body"])} for line in lines if line["path"] == path]

    def deliveries(self, endpoint: webhooks.Endpoint, status: str | None = None) -> list[webhooks.Delivery]:
        with transaction() as session:
            listed = webhooks.list_deliveries(endpoint.id, status).order_by(webhooks.Delivery.position)
            return list(session.scalars(listed))
