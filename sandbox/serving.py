"""Shared by the gateway and the mailbox: the listening socket, logging and a graceful shutdown."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable

from settings import LOG_FORMAT, settings


def listen(host: str, port: int, setting: str) -> socket.socket:
    """Returns a listening socket. Port 0 picks a free port.

    Raises SystemExit with a message that names the setting if the address is not available.
    """
    listener = socket.socket()
    # Without it, a killed server could not bind its port again for a minute (TIME_WAIT).
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise SystemExit(
            f"{setting}: cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); "
            f"set another port, or 0 to pick a free one"
        ) from None
    listener.listen(256)
    listener.setblocking(False)
    return listener


def address(listener: socket.socket, scheme: str = "http") -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{host}:{port}"


async def until_signalled(*tasks: asyncio.Task[None]) -> None:
    """Waits for SIGTERM or SIGINT, then cancels the tasks. If a task fails before that, raises its exception."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    signalled = asyncio.create_task(stop.wait())
    await asyncio.wait((signalled, *tasks), return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()


def run(serve: Callable[[], Awaitable[None]]) -> None:
    """Configures logging and runs `serve` until it returns."""
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    # Tornado logs each refused request as a warning. Here, refused requests are normal.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd logs each address

    async def main() -> None:
        await serve()

    asyncio.run(main())
