"""The signed token in the unsubscribe link of a mail. It needs no sign-in, so that it works from any mailbox."""

from typing import Any, NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from models.notifications.kinds import KINDS, Kind
from settings import settings

_serializer = URLSafeSerializer(settings.secret_key, salt="unsubscribe")


class Choice(NamedTuple):
    """What a token switches off."""

    user_id: str
    kind: str
    channel: str


def unsubscribe_url(user_id: str, kind: Kind[Any], channel: str) -> str:
    """The URL that unsubscribes; empty for a mandatory kind, and if the shop has no address for it."""
    if kind.mandatory or not settings.api_base:
        return ""
    return f"{settings.api_base}/v1/unsubscribe?token={_serializer.dumps([user_id, kind.name, channel])}"


def read_unsubscribe_token(token: str) -> Choice | None:
    """What the token switches off; None if it is forged, or if its kind no longer exists."""
    try:
        chosen = Choice(*_serializer.loads(token))
    except BadData:
        return None
    return chosen if chosen.kind in KINDS else None
