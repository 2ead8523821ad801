"""The part of pywebpush that the shop uses. The package itself has no types."""

from collections.abc import Mapping
from typing import Any

class WebPusher:
    def __init__(self, subscription_info: Mapping[str, Any]) -> None: ...
    def encode(self, data: bytes, content_encoding: str = ...) -> dict[str, bytes]: ...
