"""The base of the sandbox gateway's handlers: authentication, idempotency keys and fault injection."""

import asyncio
import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tornado.web import RequestHandler

from sandbox.faults import Faults
from sandbox.gateway import errors, params
from sandbox.gateway.errors import Answer, Refused
from sandbox.gateway.faults import ON_ARRIVAL, ON_EXECUTION, Fault
from sandbox.gateway.ledger import Ledger, new_id

MAX_KEY = 255  # characters


@dataclass
class State:
    """The state that handlers share. They run in one thread, so they are interrupted only at an `await`."""

    ledger: Ledger
    faults: Faults[Fault] = field(default_factory=lambda: Faults(Fault))
    keys_in_use: set[str] = field(default_factory=set)


class Call(RequestHandler):
    """Base of the handlers of Stripe's API. Subclasses implement `get` and `post`."""

    state: State
    keys: tuple[str, ...] = ("sk_", "rk_")
    """How the API keys begin that may call it."""

    def initialize(self, state: State) -> None:
        self.state = state

    def set_default_headers(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.set_header("Request-Id", new_id("req"))

    def prepare(self) -> None:
        try:
            self._authenticate()
        except Refused as refused:
            self.reply(refused.answer)

    async def read(self, work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Responds to a GET with the result of `work`, which receives the query parameters."""
        fault = self.state.faults.next(self.request.path, ON_ARRIVAL)
        if fault and fault.kind == "unavailable":
            return self.reply(errors.injected_fault(503))
        try:
            answer = Answer(200, work(params.decode(self.request.query)))
        except Refused as refused:
            answer = refused.answer
        await self._reply_with(answer, fault)

    async def write_once(self, work: Callable[[dict[str, Any], str | None], Answer]) -> None:
        """Responds to a POST with the result of `work`, which is called at most once per Idempotency-Key."""
        fault = self.state.faults.next(self.request.path, ON_ARRIVAL)
        if fault and fault.kind == "unavailable":
            return self.reply(errors.injected_fault(503))
        key = self.request.headers.get("Idempotency-Key")
        try:
            with self._locking(key):
                form = params.decode(self._form())
                answer, is_replayed = self.state.ledger.answer_once(
                    key, self.request.path, form, lambda: self._work(work, form, key)
                )
                if key:
                    self.set_header("Idempotency-Key", key)
                if is_replayed:
                    self.set_header("Idempotent-Replayed", "true")
                await self._reply_with(answer, fault)
        except Refused as refused:
            await self._reply_with(refused.answer, fault)

    def reply(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.finish(json.dumps(answer.body))

    def write_error(self, status_code: int, **_: Any) -> None:
        self.reply(errors.error(status_code, "api_error", self._reason))

    async def _reply_with(self, answer: Answer, fault: Fault | None) -> None:
        if fault and fault.kind == "cut":
            self.detach().close()
            return
        if fault:
            await asyncio.sleep(fault.seconds)
        self.reply(answer)

    def _work(self, work: Callable[[dict[str, Any], str | None], Answer], form: Any, key: str | None) -> Answer:
        """Calls `work` unless a fault prevents it. The response is stored under the key, even a 500."""
        fault = self.state.faults.next(self.request.path, ON_EXECUTION)
        if fault and fault.kind == "error":
            return errors.injected_fault(500)
        answer = work(form, key)
        return errors.injected_fault(500) if fault else answer

    def _form(self) -> str:
        try:
            return self.request.body.decode()
        except UnicodeDecodeError:
            raise errors.invalid("The request body is not valid UTF-8.") from None

    @contextmanager
    def _locking(self, key: str | None) -> Any:
        """Locks the key until the response is sent. Raises Refused with 409 if it is locked by another request."""
        if not key:
            yield
            return
        if len(key) > MAX_KEY:
            raise errors.invalid(f"Idempotency keys have at most {MAX_KEY} characters.")
        if key in self.state.keys_in_use:
            raise errors.key_in_use(key)
        self.state.keys_in_use.add(key)
        try:
            yield
        finally:
            self.state.keys_in_use.discard(key)

    def _authenticate(self) -> None:
        scheme, _, value = self.request.headers.get("Authorization", "").partition(" ")
        key = value.strip() if scheme.lower() == "bearer" else ""
        if scheme.lower() == "basic":
            try:
                key = b64decode(value, validate=True).decode().partition(":")[0]
            except (Base64Error, UnicodeDecodeError):
                key = ""
        if not key.startswith(self.keys):
            raise errors.unauthorised(key, self.keys)
