"""Inputs, outputs and requests of runs, without what could be personal.

Runs name people by their ids. But a request to a mail server contains an address, and a reason is what a customer has
written. What is not known to be harmless is masked: only ids, codes, numbers and times are shown to everybody. The
sentences of errors and logs are shown, too, without the addresses and phone numbers in them.
"""

import json
import re
from typing import Any

MASK = "•••"
PERSONAL = frozenset({
    "address", "body", "city", "comment", "company", "country", "display_name", "email", "first_name", "full_name",
    "html", "ip", "label", "last_name", "line1", "line2", "name", "note", "password", "phone", "postal_code", "reason",
    "recipient", "secret", "sender", "signature", "state_or_province", "street", "subject", "text", "title", "to",
    "token", "url", "user_agent", "username",
})  # fmt: skip
"""Members that are masked whatever they contain."""
SENTENCES = frozenset({"detail", "trace", "where"})
"""Members with sentences of the shop's own, which errors of the API show too."""
HARMLESS = re.compile(
    r"(?!https?:)(?:"  # an address may lead to what is personal, or contain a token
    r"[a-z]{2,6}_[0-9a-zA-Z]{1,64}"  # an id, of the shop or of a gateway
    r"|[0-9][0-9T:.+Z-]{0,40}"  # a number, a day, a time
    r"|[a-z][a-z0-9_.:/\[\]-]{0,63}"  # a code, a status, the name of a step
    r"|[A-Z]{3}|[A-Z]+-[0-9A-Z-]{1,40})"  # a currency, an SKU
)
# At most 64 characters before the @ (RFC 5321): a longer word would be read again from each of its characters.
ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=|@]{1,64}@[\w-]+(?:\.[\w-]+)+")
PHONE = re.compile(r"(?<![\w.+:-])\+[1-9][0-9]{6,14}(?![\w])")


def mask(value: Any, name: str = "") -> Any:
    """The value with everything masked that is not known to be harmless."""
    if isinstance(value, dict):
        return {mask_sentence(str(key)): mask(inside, str(key)) for key, inside in value.items()}
    if isinstance(value, list):
        return [mask(inside, name) for inside in value]
    if value is None or isinstance(value, bool):
        return value
    if name in PERSONAL:
        return MASK
    if isinstance(value, str):
        if name in SENTENCES:
            return mask_sentence(value)
        return value if not value or HARMLESS.fullmatch(value) else MASK
    return value


def mask_sentence(text: str) -> str:
    """A sentence or a line of a log without the addresses and numbers of people, of which it may be about one."""
    return PHONE.sub(_masked, ADDRESS.sub(_masked, text))


def _masked(found: re.Match[str]) -> str:
    return mask_recipient(found[0])


def is_masked(value: Any) -> bool:
    """Whether `mask` would hide something."""
    return bool(mask(value) != value)


def pretty(value: Any, *, reveal: bool) -> str:
    """The value as JSON to read; masked unless `reveal`."""
    return json.dumps(value if reveal else mask(value), indent=2, ensure_ascii=False, default=str)


def mask_recipient(recipient: str) -> str:
    """An address or a number of which enough is left to recognise it: `a•••@e•••`."""
    user, at, host = recipient.partition("@")
    return f"{user[:1]}{MASK}@{host[:1]}{MASK}" if at else f"{recipient[:3]}{MASK}"
