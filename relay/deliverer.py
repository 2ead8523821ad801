"""The deliverer: the process that delivers events to webhook endpoints. Several are safe; one works.

All endpoints share one event loop, and one database transaction per turn: it records what was done, and reads what is
next. HTTP requests are made outside of it.
"""

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from sqlalchemy.orm import Session

from models.core import event_feed
from models.webhooks import Known, Pending, Target, load_pending, load_targets, record, waiting
from relay.courier import WINDOW, Courier
from relay.leader import POLL, Leader
from relay.outbound import open_session
from relay.window import Message, Window, encode
from settings import settings

log = logging.getLogger(__name__)

RELOAD = 1.0  # seconds between two looks at the endpoints and at what staff have asked for
SPAN = 5000  # positions that one turn looks at, per endpoint that is behind
PAUSE = 0.02  # seconds between two turns that have much to do: each records and reads more at once
RESOLVERS = 64  # threads that resolve names


def deliver(leader: Leader, stop: threading.Event) -> None:
    """Delivers until `stop` is set. Raises what the database raises; what was not recorded is then delivered again."""
    asyncio.run(_run(leader, stop))


async def _run(leader: Leader, stop: threading.Event) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(RESOLVERS))
    with ThreadPoolExecutor(1) as database:
        async with open_session() as http:
            deliverer = Deliverer(leader, database, http)
            try:
                while not stop.is_set():
                    await asyncio.sleep(PAUSE if await deliverer.turn() else POLL)
            finally:
                await deliverer.stop()


class Deliverer:
    """The couriers of all enabled endpoints."""

    def __init__(self, leader: Leader, database: ThreadPoolExecutor, http: aiohttp.ClientSession) -> None:
        self._leader, self._database, self._http = leader, database, http
        self._couriers: dict[str, Courier] = {}
        self._window = Window()
        self._reload_at = 0.0

    async def turn(self) -> bool:
        """Records and reads once. Returns whether there is more to do at once."""
        reload = time.monotonic() >= self._reload_at
        turn = Turn(list(self._couriers.values()), self._window, reload)
        await asyncio.get_running_loop().run_in_executor(self._database, turn.perform, self._leader)
        for courier in turn.couriers:
            courier.check()
            courier.hurry(turn.asked.get(courier.target.id, ()))
            events, until = turn.events.get(courier.target.id, ([], courier.fetched))
            courier.add_new(events)
            courier.fetched = until
            courier.add_pending(turn.pending.get(courier.target.id, ()))
        if reload:
            self._reload_at = time.monotonic() + RELOAD
            await self._update(turn)
        return turn.is_behind or any(
            len(events) == turn.limits[endpoint] for endpoint, (events, _) in turn.events.items() if events
        )

    async def _update(self, turn: "Turn") -> None:
        """Takes over changes of the endpoints, and begins with new ones."""
        targets = {target.id: target for target in turn.targets}
        for endpoint_id in self._couriers.keys() - targets.keys():
            await self._couriers.pop(endpoint_id).stop(0)
        for target in targets.values():
            if target.id in self._couriers:
                self._couriers[target.id].target = target
            else:
                courier = self._couriers[target.id] = Courier(target, self._http)
                courier.add_pending(turn.unfinished[target.id])
                log.info("delivering to %s", target.id)

    async def stop(self) -> None:
        """Lets requests that are under way end, and records them."""
        couriers = list(self._couriers.values())
        await asyncio.gather(*(courier.stop(settings.webhooks_timeout) for courier in couriers))
        turn = Turn(couriers, self._window, reload=False)
        await asyncio.get_running_loop().run_in_executor(self._database, turn.perform, self._leader)


class Turn:
    """One transaction: what was done is recorded, and what is next is read."""

    def __init__(self, couriers: list[Courier], window: Window, reload: bool) -> None:
        self.couriers, self._window, self._reload = couriers, window, reload
        self.done: list[Known] = [known for courier in couriers for known in courier.take_changed()]
        self.cursors = [(c.target.id, c.cursor) for c in couriers if c.cursor > c.target.cursor]
        self.healthy = [courier.target.id for courier in couriers if courier.accepted]
        self.failing = [courier.target.id for courier in couriers if courier.refused and not courier.accepted]
        self.gone = [courier.target.id for courier in couriers if courier.gone]
        for courier in couriers:
            courier.accepted = courier.refused = courier.gone = False
        self.limits = {courier.target.id: courier.room for courier in couriers}
        self._known = {courier.target.id: courier.fetched for courier in couriers}
        self.events: dict[str, tuple[list[Message], int]] = {}
        self.pending: dict[str, list[Pending]] = {}
        self.unfinished: dict[str, list[Pending]] = {}
        self.asked: dict[str, list[str]] = {}
        self.targets: list[Target] = []
        self.is_behind = False

    def perform(self, leader: Leader) -> None:
        with leader.transaction() as session:
            if self.done or self.cursors or self.failing:
                record(session, self.done, self.cursors, self.healthy, self.failing, self.gone)
            last = event_feed.last_position(session)
            self._window.read(session, last)
            self.is_behind = self._window.end < last
            for courier in self.couriers:
                self._read(session, courier, last)
            if self._reload:
                self.targets = load_targets(session)
                self._read_waiting(session)

    def _read(self, session: Session, courier: Courier, last: int) -> None:
        room, after = self.limits[courier.target.id], self._known[courier.target.id]
        if room == 0 or after >= last:
            return
        if after >= self._window.start:
            self.events[courier.target.id] = self._window.after(after, courier.target.types, room)
            return
        until = min(last, after + SPAN)
        found = event_feed.read_after(session, after, until=until, types=courier.target.types, limit=room)
        messages = list(map(encode, found))
        self.events[courier.target.id] = messages, found[-1].position if len(found) == room else until

    def _read_waiting(self, session: Session) -> None:
        known = {courier.target.id: courier for courier in self.couriers}
        for endpoint_id, event_id in waiting(session):
            if endpoint_id in known and not known[endpoint_id].waits_behind(event_id):
                self.asked.setdefault(endpoint_id, []).append(event_id)
        for endpoint_id, events in self.asked.items():
            new = [event_id for event_id in events if not known[endpoint_id].knows(event_id)]
            if new and (room := self.limits[endpoint_id]):
                self.pending[endpoint_id] = load_pending(session, endpoint_id, room, new)
        for target in self.targets:
            if target.id not in known:
                self.unfinished[target.id] = load_pending(session, target.id, WINDOW)
