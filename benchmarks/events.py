"""1,000 events a second to ten webhook endpoints, of which one is slow and one silent; and pages of the feed."""

import asyncio
import multiprocessing
import time
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Report
from benchmarks.parts import parts

RATE, SECONDS, STEP = 1000, 15, 0.05
FAST = 8  # endpoints that answer at once
SIZES = (1_000, 1_000_000)


def measure(folder: Path, runs: int) -> Report:
    """Starts the required processes in `folder`, measures, and stops them."""
    from local import provision
    from models.core.schema import migrate

    report = Report("events", runs)
    settings = provision.prepare().model_copy(update={"webhooks_allow_private": True})
    with parts(settings, "postgres", "redis"):
        migrate()
        for _ in range(runs):
            report.calibrate()
            with parts(settings, "relay", "webhooks") as pids:
                _webhooks(report, pids)
            _pages(report)
    report.remarks.append(
        f"{RATE} events a second for {SECONDS} s, to {FAST} endpoints that answer at once, one after 10 s, one never."
    )
    return report


def _webhooks(report: Report, pids: dict[str, int]) -> None:
    from local.waiting import wait_until

    port, counts, stop = multiprocessing.Value("i", 0), multiprocessing.Array("d", 3), multiprocessing.Event()
    listener = multiprocessing.Process(target=_listen, args=(port, counts, stop), daemon=True)
    listener.start()
    while not port.value:
        time.sleep(0.01)
    _create_endpoints(port.value)
    first = _emit(3 * STEP)
    wait_until(lambda: counts[0] >= first * FAST, 120)  # the deliverer has seen them
    counts[0], used = 0, _cpu(pids)
    sent, began = _emit(SECONDS), time.perf_counter()
    within = counts[0]
    while counts[0] < sent * FAST and time.perf_counter() - began < 120:
        time.sleep(0.1)
    took = SECONDS + time.perf_counter() - began
    report.note("events emitted", sent / SECONDS, "events/s")
    report.note("events placed and delivered to each fast endpoint", counts[0] / FAST / took, "events/s")
    report.note("deliveries to all fast endpoints", counts[0] / took, "deliveries/s")
    for name, before in used.items():
        report.note(f"CPU of {name} per delivery", (_cpu(pids)[name] - before) / counts[0] * 1000, "ms")
    report.note("of these, while the events were emitted", within / (sent * FAST), "share")
    report.note("events answered by the slow endpoint", counts[1], "events")
    stop.set()
    listener.join()
    report.say(f"{counts[0] / took:.0f} deliveries/s")


def _cpu(pids: dict[str, int]) -> dict[str, float]:
    """Seconds of CPU that each process has used."""
    return {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in pids.items()}


def _create_endpoints(port: int) -> None:
    from durable.ids import new_id
    from models.core import event_feed
    from models.core.database import transaction
    from models.webhooks import Endpoint

    with transaction() as session:
        last = event_feed.last_position(session)
        for number, path in enumerate(["fast"] * FAST + ["slow", "silent"]):
            url = f"http://127.0.0.1:{port}/{path}/{number}"
            session.add(Endpoint(id=new_id("whe"), url=url, types=[], secret="whsec_eA==", cursor=last))  # noqa: S106


def _emit(seconds: float) -> int:
    """Emits events of new orders at the rate for this long. Returns their number."""
    from durable.ids import new_id
    from models.core import event_log
    from models.core.database import transaction
    from models.core.events import OrderConfirmed

    began, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        due = int(passed * RATE) - sent
        with transaction() as session:
            event_log.emit_all(
                session, [OrderConfirmed(order_id=new_id("ord"), user_id=new_id("usr")) for _ in range(due)]
            )
        sent += due
        time.sleep(STEP)
    return sent


def _listen(port: Any, counts: Any, stop: Flag) -> None:
    """Answers every request: at once, after 10 s, or never. Counts those answered at once and those after 10 s."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                kind = head.split(b"/")[1]
                if kind == b"silent":
                    await asyncio.sleep(3600)
                if kind == b"slow":
                    await asyncio.sleep(10)
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                counts[0 if kind == b"fast" else 1] += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(connection, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        while not stop.is_set():
            await asyncio.sleep(0.2)

    asyncio.run(serve())


_FILL = """
    INSERT INTO workflow.event (id, name, subject, payload, version, ordinal, position)
    SELECT gen_random_uuid(), CASE WHEN n % 1000 = 0 THEN 'return.received' ELSE 'order.confirmed' END,
        'ord_' || n, '{}', 1, n, n
    FROM generate_series(1, :size) AS n
"""


def _pages(report: Report) -> None:
    """Times pages of 100 events in the middle of the feed, of all types and of a rare one."""
    from sqlalchemy import text

    from models.core import event_log
    from models.core.database import transaction
    from serving.pages import page

    for size in SIZES:
        with transaction() as session:
            session.execute(text("TRUNCATE workflow.event"))
            session.execute(text(_FILL), {"size": size})
        with transaction() as session:
            session.execute(text("ANALYZE workflow.event"))
        for name in (None, "return.received"):
            found = event_log.select_events(type=name).where(event_log.Event.position > size // 2)
            took = []
            for _ in range(20):
                began = time.perf_counter()
                with transaction() as session:
                    page(session, found, event_log.Event.position, limit=100, cursor=None)
                took.append((time.perf_counter() - began) * 1000)
            report.note(f"a page of the feed, {size:,} events, {name or 'all types'}", sorted(took)[10], "ms")
