"""An SMS provider with an API of its own: `POST /sms`, which Apprise's `json://` URLs can speak.

    json://user:password@host/sms?:to={to}&+Idempotency-Key={id}

The body is JSON with the strings `to`, a number in E.164, and `message`. A request with a known `Idempotency-Key` is
answered as before, and nothing is sent again.
"""

import json
import re

from sandbox.mailbox.page import Page

MAX_TEXT = 1600  # characters, about ten parts
UNREACHABLE = "+15005550009"
"""No phone has this number. It is that of Twilio's test credentials for a number that cannot receive text messages."""


class Sms(Page):
    def post(self) -> None:
        """Accepts a text message: 202 with its id. 400 for a number that is none or does not exist, 413 for a text that
        is too long; 503 as long as there are faults of the kind `sms_down`."""
        if self.state.faults.next(kinds=("sms_down",)):
            self.reply(503, {"error": "Injected fault (/sandbox/faults), try again later."})
            return
        sent = _message(self.request.body)
        if sent is None:
            self.reply(400, {"error": "The body must be a JSON object with the strings `to` and `message`."})
            return
        number, text = sent
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number) or number == UNREACHABLE:
            self.reply(400, {"error": "invalid_number"})
        elif len(text) > MAX_TEXT:
            self.reply(413, {"error": "text_too_long"})
        else:
            key = self.request.headers.get("Idempotency-Key")
            payload = {"kind": "text", "to": number, "message": text, "message_id": key and f"sms {key}"}
            self.reply(202, {"id": self.state.store.add_once(payload).id})


def _message(body: bytes) -> tuple[str, str] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    number, text = found.get("to"), found.get("message")
    return (number, text) if isinstance(number, str) and isinstance(text, str) and text else None
