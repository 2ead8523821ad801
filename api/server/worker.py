"""A worker class of gunicorn: gthread, except that slow clients do not occupy threads.

One thread receives requests and sends answers, of any number of clients. The threads of the pool get a request when its
head and body are complete, and are free when its answer is written, whether or not the client has read it. Bodies over
1 MiB and answers over 4 MiB are the exception; their clients have to keep up with a minimum rate.
"""

import errno
import selectors
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import ThreadWorker

from api.http.errors import raw_response
from api.server.connection import MIN_RATE, Connection, State
from settings import settings

BACKLOG = 32  # connections that are accepted before others are served
CLOSING = 2.0  # seconds for a client to close its end; also for idle ones to send a request while this stops
MAX_DRAINED = 64 << 10  # bytes that are read after an answer, from a client that is still sending
MAX_HELD = 128 << 20  # bytes in memory that wait for slow clients, per process
NO_MORE_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Worker(ThreadWorker):
    """See the module. Connections that no thread has are in `waiting`, the longest-waiting first."""

    def init_process(self) -> None:
        self.waiting: dict[Connection, None] = {}
        self.next_check, self.idle_until = 0.0, float("inf")
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Accepts connections. If there are too many, the longest-waiting one makes room."""
        for _ in range(BACKLOG):
            try:
                sock, client = listener.accept()
            except OSError as error:
                if error.errno in NO_MORE_FILES:
                    self.drop_longest_waiting()
                    return
                if error.errno in (errno.EAGAIN, errno.ECONNABORTED):
                    return
                raise
            self.nr_conns += 1
            if self.nr_conns >= self.worker_connections:
                self.drop_longest_waiting()
            connection = Connection(self.cfg, sock, client, listener.getsockname())
            self.wait_for(connection, State.RECEIVING)
            self.receive(connection)

    def wait_for(self, connection: Connection, state: State) -> None:
        event = selectors.EVENT_WRITE if state is State.SENDING else selectors.EVENT_READ
        connection.state, connection.since = state, time.monotonic()
        self.waiting[connection] = None
        self.poller.register(connection.socket, event, partial(self.go_on, connection))

    def stop_waiting(self, connection: Connection) -> None:
        del self.waiting[connection]
        self.poller.unregister(connection.socket)

    def go_on(self, connection: Connection, _: socket.socket) -> None:
        """A client has sent something or is ready to receive."""
        if connection not in self.waiting:
            return  # dropped while this event was waiting
        if connection.state is State.SENDING:
            self.stop_waiting(connection)
            self.send(connection)
        elif connection.state is State.CLOSING:
            self.drain(connection)
        else:
            self.receive(connection)

    def receive(self, connection: Connection) -> None:
        data = self.read(connection)
        if data == b"":
            self.drop(connection)
        elif data is not None:
            self.take(connection, data)

    def read(self, connection: Connection) -> bytes | None:
        """What the client has sent; nothing at the end of the connection, None if there is nothing yet."""
        try:
            return connection.socket.recv(64 << 10)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def take(self, connection: Connection, data: bytes) -> None:
        """Adds to the request, and hands it to a thread when it is complete."""
        incoming = connection.incoming
        if connection.state is State.IDLE:
            connection.state, connection.since = State.RECEIVING, time.monotonic()
        had_head = incoming.request is not None
        try:
            incoming.add(data)
        except (NoMoreData, StopIteration):
            self.drop(connection)
            return
        except Exception as error:  # noqa: BLE001  gunicorn tells the client's mistakes from others
            self.stop_waiting(connection)
            self.refuse(connection, error)
            self.send(connection)
            return
        if incoming.is_ready or incoming.is_large:
            self.stop_waiting(connection)
            self.enqueue_req(connection)  # type: ignore[arg-type]
        elif incoming.request is not None and not had_head:
            connection.since = time.monotonic()
            self.welcome_body(connection)

    def welcome_body(self, connection: Connection) -> None:
        """Answers `Expect: 100-continue`, since no thread will do so before the body is here."""
        request: Any = connection.incoming.request
        if request._expected_100_continue:
            request._expected_100_continue = False
            with suppress(OSError):
                connection.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def handle(self, connection: Any) -> bool:
        """Answers a request, in a thread. Returns whether the connection can be used for another one."""
        incoming = connection.incoming
        if not incoming.is_ready:
            incoming.request.force_close()
            until = time.monotonic() + settings.api_body_timeout
            incoming.feed.more = partial(connection.read_large, until=until)
        try:
            return bool(self.handle_request(incoming.request, connection)) and self.skip_body(incoming.parser)
        except StopIteration:
            return False  # gunicorn has logged it
        except (OSError, NoMoreData) as error:
            self.log.debug("a client has gone: %s", error)
        except Exception as error:  # noqa: BLE001  gunicorn logs it and answers 500
            self.refuse(connection, error)
        return False

    def refuse(self, connection: Any, error: Exception) -> None:
        """Answers what gunicorn answers for an error of its parser, or of the application."""
        with suppress(OSError):
            self.handle_error(connection.incoming.request, connection.sock, connection.client, error)

    def skip_body(self, parser: Any) -> bool:
        """Skips what the application has not read of a body. False if it is malformed."""
        try:
            return bool(parser.finish_body())
        except Exception:  # noqa: BLE001  the answer is sent already
            return False

    def finish_request(self, connection: Any, future: "Future[bool]") -> None:
        """A thread has written its answer."""
        connection.keep = not future.cancelled() and future.exception() is None and future.result()
        self.send(connection)

    def send(self, connection: Connection) -> None:
        """Sends what is left of an answer, then waits for the next request or closes."""
        try:
            if not connection.sock.flush():
                self.wait_for(connection, State.SENDING)
                self.bound_memory()
                return
        except OSError:
            self.close(connection)
            return
        if connection.keep:
            rest = connection.incoming.rest()
            connection.keep, connection.sock.sent = False, 0
            connection.incoming = type(connection.incoming)(self.cfg, connection.client)
            self.wait_for(connection, State.IDLE)
            if rest:
                self.take(connection, rest)
        else:
            self.start_closing(connection)

    def start_closing(self, connection: Connection) -> None:
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close(connection)
        else:
            self.wait_for(connection, State.CLOSING)

    def drain(self, connection: Connection) -> None:
        data = self.read(connection)
        connection.drained += len(data or b"")
        if data == b"" or connection.drained > MAX_DRAINED:
            self.drop(connection)

    def drop(self, connection: Connection) -> None:
        self.stop_waiting(connection)
        self.close(connection)

    def close(self, connection: Connection) -> None:
        self.nr_conns -= 1
        util.close(connection.socket)

    def drop_longest_waiting(self) -> None:
        for connection in self.waiting:
            self.drop(connection)
            return

    def deadline(self, connection: Connection) -> float:
        """When the client has waited or been waited for too long, in monotonic time."""
        match connection.state:
            case State.IDLE:
                return min(connection.since + int(self.cfg.keepalive), self.idle_until)
            case State.SENDING:
                return connection.since + settings.api_body_timeout + connection.sock.sent / MIN_RATE
            case State.CLOSING:
                return connection.since + CLOSING
        if connection.incoming.request is None:
            return connection.since + settings.api_head_timeout
        return connection.since + settings.api_body_timeout + connection.incoming.received / MIN_RATE

    def murder_keepalived(self, force: bool = False) -> None:
        """Ends the waiting of slow and idle clients. gunicorn calls this after each event; it acts once a second."""
        now = time.monotonic()
        if now < self.next_check and not force:
            return
        self.next_check = now + 1.0
        for connection in list(self.waiting):
            if not force and self.deadline(connection) > now:
                continue
            if connection.state is State.RECEIVING and connection.incoming.received and not force:
                self.refuse_slow(connection)
            else:
                self.drop(connection)
        self.bound_memory()

    def bound_memory(self) -> None:
        """Drops the longest-waiting clients while too many bytes wait for clients."""
        held = sum(connection.held for connection in self.waiting)
        while held > MAX_HELD:
            held -= next(iter(self.waiting)).held
            self.drop_longest_waiting()

    def refuse_slow(self, connection: Connection) -> None:
        self.stop_waiting(connection)
        with suppress(OSError):
            connection.sock.sendall(raw_response(408, "The request did not arrive in time."))
        self.send(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        """The worker stops: idle connections are closed at this time."""
        self.idle_until = min(deadline, time.monotonic() + CLOSING)
