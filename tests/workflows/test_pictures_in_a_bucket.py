"""Pictures with real workers, and a server that speaks S3."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from local.waiting import wait_until
from models.pictures import Picture
from settings import settings
from tasks.gateways.files import open_store
from tests.conftest import Caller
from tests.photographs import encoded
from tests.s3_server import BUCKET, s3_server
from tests.shop import Shop
from tests.workflows.test_pictures import WAIT, check_shown, mug, rows_of, send

__all__ = ["mug"]


@pytest.fixture
def bucket(seeds: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A shop whose pictures are in a bucket; the address of the server."""
    with ExitStack() as exits:
        url = exits.enter_context(s3_server())
        given: dict[str, Any] = {"picture_store": f"s3://{BUCKET}/ours", "s3_endpoint": url, "s3_access_key": "key",
                 "s3_secret_key": "secret"}  # fmt: skip
        shop = Shop(tmp_path, exits, **{f"SHOP_{name.upper()}": value for name, value in given.items()})
        shop.worker(concurrency=2)
        shop.dispatcher()
        for name, value in given.items():
            monkeypatch.setitem(settings.__dict__, name, value)
        open_store.cache_clear()
        yield url
        open_store.cache_clear()


def test_a_bucket_holds_the_files(bucket: str, staff: Caller, client: Any, mug: str) -> None:
    made = send(staff, mug, encoded(Image.new("RGBA", (900, 600), "red"), "PNG"), headers=WAIT)
    assert made.status_code == 201, made.json
    shown = check_shown(client, mug)
    stored = requests.get(f"{bucket}/{BUCKET}?list-type=2", timeout=30).text
    assert stored.count(f"<Key>ours/{shown['id']}/") == 9
    assert staff.delete(made.json["links"]["self"]).status_code == 204
    assert wait_until(lambda: rows_of(Picture) == 0, 20, 0.1)
    assert "<Key>" not in requests.get(f"{bucket}/{BUCKET}?list-type=2", timeout=30).text
