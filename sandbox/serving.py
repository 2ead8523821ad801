"""What the small servers of one machine share: a port to listen on, a log, an end when they are told to."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable

from settings import LOG_FORMAT, settings


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket; port 0 picks a free one. A port in use ends the process, naming the setting."""
    listener = socket.socket()
    # Without it, a server that was killed could not come back on its port for a minute.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise SystemExit(
            f"{setting}: can't listen on {host}:{port} ({os.strerror(error.errno or 0)}); "
            f"set another port, or 0 for a free one"
        ) from None
    listener.listen(256)
    listener.setblocking(False)
    return listener


def address(listener: socket.socket, scheme: str = "http") -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{host}:{port}"


async def until_told(*tasks: asyncio.Task[None]) -> None:
    """Waits for SIGTERM or SIGINT, then ends the tasks. A task that fails before that ends the process."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    signalled = asyncio.create_task(told.wait())
    await asyncio.wait((signalled, *tasks), return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()


def run(serve: Callable[[], Awaitable[None]]) -> None:
    """Sets up the log and runs `serve` until it returns."""
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    # Refused requests are these servers' daily work, not warnings.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)

    async def main() -> None:
        await serve()

    asyncio.run(main())
