"""How a customer confirms the e-mail address: with the token of the mail."""

import html
import re
from typing import Any
from urllib.parse import urlencode

import urllib3

from demo.client import Client, Unfinished
from local.waiting import wait_until

PATIENCE = 60.0  # seconds to wait for the mail
SUBJECT = "Confirm your e-mail address"


def confirm_address(client: Client, mailbox: str) -> None:
    """Confirms the address of a customer who has just registered. `mailbox`: the URL of the sandbox mailbox.

    Raises Unfinished if no mail arrives, Refused and Unreachable.
    """
    client.post("/v1/auth/email/confirm", {"token": mailed_token(mailbox, client.user["email"])})


def mailed_token(mailbox: str, address: str, subject: str = SUBJECT) -> str:
    """The token of the newest mail to the address that asks to confirm it. Raises Unfinished if there is none."""
    if not wait_until(lambda: bool(_asking(mailbox, address, subject)), PATIENCE, 0.1):
        raise Unfinished(f"No mail has asked {address} for a confirmation.")
    page = urllib3.request("GET", f"{mailbox}/messages/{_asking(mailbox, address, subject)[0]['id']}").data.decode()
    [shown] = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    text = html.unescape(shown)
    [token] = re.findall(r"^([\w-]{43})\s*$", text, re.MULTILINE)
    return str(token)


def _asking(mailbox: str, address: str, subject: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = urllib3.request("GET", f"{mailbox}/messages.json?{urlencode({'to': address})}").json()
    return [mail for mail in found if mail["subject"] == subject]
