"""Delivers events to one endpoint: in order per subject, several subjects at a time, with retries."""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import aiohttp

from models.webhooks import Known, Pending, Target, sign
from relay.outbound import Answer, post
from relay.window import Message, encode
from settings import settings
from telemetry import metrics, tracing
from telemetry.metrics import of

log = logging.getLogger(__name__)

WINDOW = 500
"""Deliveries of an endpoint in memory. Beyond them, events wait at its cursor."""
DELAYS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before the second attempt, the third, …, as the Standard Webhooks specification recommends; each is
multiplied by a random factor, so that endpoints do not get everything at once."""
DAY = 86_400.0
HURRY_AFTER = 60.0  # seconds of failures after which a success lets everything that waits be tried


class Item:
    """An event on its way. `due`: the monotonic time of its next attempt; `began`: that of the first."""

    def __init__(self, message: Message, known: Known) -> None:
        now = time.monotonic()
        self.known, self.subject, self.body = known, message.event.subject, message.body
        self.due = now + (known.due or 0.0)
        self.began = None if known.age is None else now - known.age

    def state(self) -> Known:
        """The delivery, as it is recorded now."""
        now = time.monotonic()
        if self.known.due is not None:
            self.known.due = max(self.due - now, 0.0)
        self.known.age = None if self.began is None else now - self.began
        return self.known


class Courier:
    """The deliveries to one endpoint. `changed`: those to be recorded."""

    def __init__(self, target: Target, http: aiohttp.ClientSession) -> None:
        self.target, self._http = target, http
        self.fetched = target.cursor
        self.changed: dict[str, Item] = {}
        self.failing_since = time.monotonic() if target.failing else None
        self.accepted = self.refused = self.gone = False
        self._items: dict[str, Item] = {}
        self._unrecorded: dict[int, str] = {}  # position → event of those without a row, in the order of the feed
        self._subjects: dict[str, deque[Item]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(settings.webhooks_concurrency)
        self._look_again = asyncio.Event()
        self._stopping = False
        self._lost: list[Known] = []
        self._error: BaseException | None = None

    @property
    def room(self) -> int:
        """How many more deliveries it takes."""
        return 0 if self._stopping else max(WINDOW - len(self._items), 0)

    def knows(self, event_id: str) -> bool:
        return event_id in self._items

    def waits_behind(self, event_id: str) -> bool:
        """Whether this delivery waits behind another one of its subject."""
        item = self._items.get(event_id)
        return item is not None and item.known.attempts == 0

    @property
    def cursor(self) -> int:
        """The position up to which every event has a row, once `changed` is recorded."""
        return next(iter(self._unrecorded), self.fetched + 1) - 1

    def add_new(self, messages: Iterable[Message]) -> None:
        """Takes events from the feed."""
        for message in messages:
            event = message.event
            if event.id not in self._items:
                self._unrecorded[event.position] = event.id
                self._add(Item(message, Known(self.target.id, event.id, event.position, event.type)))

    def add_pending(self, found: Iterable[Pending]) -> None:
        """Takes deliveries that have a row. One whose event was deleted has failed."""
        for known, event in found:
            if event is not None and event.id not in self._items:
                self._add(Item(encode(event), known))
            elif event is None:
                known.due, known.error = None, "The event was deleted."
                self._lost.append(known)

    def take_changed(self) -> list[Known]:
        """What is to be recorded now. Afterwards, `cursor` counts it as recorded."""
        states = [*self._lost, *(item.state() for item in self.changed.values())]
        for known in states:
            self._unrecorded.pop(known.position, None)
        self.changed, self._lost = {}, []
        return states

    def hurry(self, events: Iterable[str]) -> None:
        """Lets these deliveries be attempted at once."""
        for event_id in events:
            if event_id in self._items:
                self._items[event_id].due = 0.0
        self._look_again.set()
        self._look_again = asyncio.Event()

    def check(self) -> None:
        """Raises the error of a task that has failed, which is a bug."""
        if self._error is not None:
            raise self._error

    async def stop(self, seconds: float) -> None:
        """Begins no more attempts, and gives those under way this time to end."""
        self._stopping = True
        self._look_again.set()
        if self._tasks and seconds > 0:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()

    def _add(self, item: Item) -> None:
        self._items[item.known.event_id] = item
        queue = self._subjects.get(item.subject)
        if queue is not None:
            queue.append(item)
            if queue[0].known.attempts:
                self._note(item)
            return
        self._subjects[item.subject] = deque([item])
        task = asyncio.create_task(self._deliver(item.subject))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._error = self._error or task.exception()

    def _note(self, item: Item) -> None:
        self.changed[item.known.event_id] = item

    async def _deliver(self, subject: str) -> None:
        """Delivers the events of a subject, each after the one before it has ended."""
        queue = self._subjects[subject]
        while queue:
            item = queue[0]
            await self._until_due(item)
            async with self._slots:
                if self._stopping:
                    return
                answer = await self._attempt(item)
            self._settle(item, answer)
            if item.known.due is None:
                queue.popleft()
                del self._items[item.known.event_id]
            else:
                for one in queue:
                    self._note(one)
        del self._subjects[subject]

    async def _until_due(self, item: Item) -> None:
        while not self._stopping and (left := item.due - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_again.wait(), left)

    async def _attempt(self, item: Item) -> Answer:
        headers = sign(self.target.secrets, item.known.event_id, int(time.time()), item.body)
        if item.began is None:
            item.began = time.monotonic()
        item.known.attempts += 1
        item.known.url = self.target.url
        trace, since = tracing.begin(None)[0] if tracing.enabled() else None, time.time()
        if trace is not None:
            headers["traceparent"] = trace
        answer = await post(self._http, self.target.url, item.body, headers)
        outcome = "accepted" if answer.accepted else "refused" if answer.status is not None else "unreachable"
        of(metrics.WEBHOOKS, outcome).inc()
        of(metrics.WEBHOOK_SECONDS, outcome).observe(answer.duration / 1000)
        attributes = {"shop.event": item.known.event_id, "shop.endpoint": self.target.id, "shop.outcome": outcome}
        failed = "" if answer.accepted else outcome
        tracing.export("webhook", trace, None, since, kind="CLIENT", attributes=attributes, error=failed)
        return answer

    def _settle(self, item: Item, answer: Answer) -> None:
        known = item.known
        known.response_status, known.response_body = answer.status, answer.body
        known.error, known.duration, known.succeeded = answer.error, answer.duration, answer.accepted
        if answer.accepted:
            known.due, self.accepted = None, True
            self._recover()
        else:
            self.refused = True
            self.gone = self.gone or answer.status == 410
            self.failing_since = self.failing_since or time.monotonic()
            delay = self._delay(item)
            known.due = delay
            item.due = time.monotonic() + (delay or 0.0)
        self._note(item)

    def _delay(self, item: Item) -> float | None:
        """Seconds until the next attempt; None: this was the last one. The last one is when the time is over."""
        assert item.began is not None
        left = settings.webhooks_retry_days * DAY - (time.monotonic() - item.began)
        if left < 1:
            return None
        delay = DELAYS[min(item.known.attempts, len(DELAYS)) - 1] * random.uniform(0.75, 1.25)  # noqa: S311
        return min(delay, left)

    def _recover(self) -> None:
        """After a time of failures only, a success lets everything be tried that waits for its next attempt."""
        since, self.failing_since = self.failing_since, None
        if since is not None and time.monotonic() - since > HURRY_AFTER:
            log.info("endpoint %s accepts events again", self.target.id)
            self.hurry(list(self._items))
