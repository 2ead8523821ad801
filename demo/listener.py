"""Another program in the demo: it receives the shop's events by webhook and verifies their signatures."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

from demo.client import Client
from demo.day import PATIENCE, Day, Event
from local.waiting import wait_until

TYPES = ("order.confirmed", "payment.captured", "fulfilment.shipped", "return.received", "order.cancelled")


class Listener:
    """An HTTP server in a thread. `received`: type → events; `refused`: requests without a valid signature."""

    def __init__(self, staff: Client) -> None:
        self.received: Counter[str] = Counter()
        self.refused = 0
        self._seen: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_port}/events"
        endpoint = staff.post("/v1/webhooks/endpoints", {"url": url, "types": list(TYPES)})
        self.id, self._webhook = endpoint["id"], Webhook(endpoint["secret"])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204 if listener.take(body, dict(self.headers)) else 400)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Logs nothing: the demo prints what it needs."""

        return Handler

    def take(self, body: bytes, headers: dict[str, str]) -> bool:
        """Counts an event once, however often it is delivered. False: its signature is not valid."""
        try:
            event = self._webhook.verify(body, headers)
        except WebhookVerificationError:
            self.refused += 1
            return False
        if event["id"] not in self._seen:
            self._seen.add(event["id"])
            self.received[event["type"]] += 1
        return True


def check_events(day: Day, listener: Listener) -> None:
    """Every type of event of the day has reached the listener, with a valid signature."""
    wait_until(lambda: set(TYPES) <= listener.received.keys(), PATIENCE)
    total = sum(listener.received.values())
    day.tell(Event(f"webhooks received and verified: {total}", "", listener.id))
    found = listener.received["fulfilment.shipped"], listener.received["return.received"], listener.refused
    day.record("webhooks with valid signatures", found == (2, 1, 0) and set(TYPES) <= listener.received.keys(), found)
