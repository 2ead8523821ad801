"""The store of files: a folder of this machine, or a bucket of a service that speaks S3."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from settings import settings
from tasks.gateways.files.store import FileStore

__all__ = ["FileStore", "open_store"]


@cache
def open_store(url: str = "") -> FileStore:
    """The store of this URL, by default that of SHOP_PICTURE_STORE: `file:///folder` or `s3://bucket/prefix`."""
    parts = urlsplit(url or settings.picture_store_url)
    if parts.scheme == "s3":
        from tasks.gateways.files.s3 import Bucket  # late: the SDK takes a third of a second, and is not always used

        return Bucket(parts.netloc, parts.path.strip("/"))
    from tasks.gateways.files.folder import Folder

    return Folder(Path(unquote(parts.path)))
