"""Text messages through Apprise, which speaks the protocols of some forty providers.

Apprise only says whether a message was accepted. Why it was not is in what it logs: the HTTP status, by which a number
that is refused for good differs from a provider that is unavailable. The text and the URL, with its secrets, never get
into our log: what Apprise logs is not passed on.
"""

import logging
import re
from functools import cache
from types import ModuleType
from urllib.parse import quote

from models.core.errors import GatewayDown, MessageRefused
from settings import settings

CONNECT_TIMEOUT = 2.0
REFUSED = (400, 404, 410, 413, 422)
"""The message is refused for good. Others, such as 401 or 402, are for the operator to put right; it is sent then."""
_STATUS = re.compile(r"error=(\d{3})\b")


def send(*, to: str, text: str, key: str) -> None:
    """Sends one text message; when this returns, a provider has accepted it.

    `to` in E.164. `key` is the same for each attempt: a provider that takes an idempotency key (`{id}` in its URL)
    sends the message once. The providers are tried in turn. Raises MessageRefused if one refuses the number or the
    text, and GatewayDown if none answers, or all are temporarily unavailable.
    """
    reasons = []
    for number, url in enumerate(settings.sms, 1):
        status = _send(url.replace("{to}", quote(to, safe="")).replace("{id}", quote(key, safe="")), text)
        if status is None:
            return
        if status in REFUSED:
            of_recipient = status != 413
            raise MessageRefused(f"The SMS provider refused the message: HTTP {status}", of_recipient=of_recipient)
        reasons.append(f"provider {number}: {f'HTTP {status}' if status else 'no answer'}")
    raise GatewayDown(f"No SMS provider has accepted the message ({'; '.join(reasons) or 'none is set up'})")


def _send(url: str, text: str) -> int | None:
    """None if it was accepted, else the HTTP status, or 0 without an answer."""
    provider = _apprise().Apprise.instantiate(url, suppress_exceptions=True)
    if provider is None:
        return 0  # the URL is no Apprise URL, of which the log says no more than its scheme
    provider.socket_connect_timeout, provider.socket_read_timeout = CONNECT_TIMEOUT, settings.sms_timeout
    provider.redirects = False
    with _apprise().LogCapture(level=logging.WARNING) as heard:
        if provider.notify(body=text, body_format="text"):
            return None
    found = _STATUS.findall(heard.getvalue())
    return int(found[-1]) if found else 0


@cache
def _apprise() -> ModuleType:
    """Loaded with the first message: it imports 140 plugins, for which no other worker has to wait."""
    import apprise

    logger = logging.getLogger("apprise")
    logger.setLevel(logging.WARNING)
    logger.propagate = False  # a failure is in the step's record, in our words
    logging.getLogger("urllib3").setLevel(logging.INFO)  # at DEBUG it logs URLs, in which there may be a token
    return apprise
