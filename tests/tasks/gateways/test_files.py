"""Stores of files: a folder and a bucket keep the same promises."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.core.errors import FileStoreDown
from settings import settings
from tasks.gateways.files import FileStore, open_store
from tasks.gateways.files.folder import Folder
from tests.s3_server import BUCKET, s3_server


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    """An empty store of either kind."""
    if request.param == "folder":
        return Folder(tmp_path / "pictures")
    use_s3(monkeypatch, request.getfixturevalue("s3"))
    return open_store.__wrapped__(f"s3://{BUCKET}/shops/{tmp_path.name}")


def use_s3(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in (("s3_endpoint", url), ("s3_access_key", "key"), ("s3_secret_key", "secret")):
        monkeypatch.setitem(settings.__dict__, name, value)


def test_what_is_put_is_got(store: FileStore) -> None:
    store.put("pic_1/320.jpg", b"first", "image/jpeg")
    store.put("pic_1/320.jpg", b"second", "image/jpeg")
    store.put("pic_2/320.jpg", bytes(300_000), "image/jpeg")
    assert store.get("pic_1/320.jpg") == b"second"
    assert store.get("pic_2/320.jpg") == bytes(300_000)
    assert store.get("pic_1/640.jpg") is None
    assert store.get("pic_3/320.jpg") is None
    assert (store.list_names("pic_1"), store.list_names("pic_3")) == ({"320.jpg"}, set())
    assert sorted(store.list_folders()) == ["pic_1", "pic_2"]


def test_a_folder_is_removed_with_all_its_files_and_no_others(store: FileStore) -> None:
    for key in ("pic_1/320.jpg", "pic_1/640.jpg", "pic_11/320.jpg"):
        store.put(key, b"x", "image/jpeg")
    assert [store.remove("pic_1"), store.remove("pic_1"), store.remove("pic_9")] == [2, 0, 0]
    assert list(store.list_folders()) == ["pic_11"]
    assert store.get("pic_1/320.jpg") is None


def test_a_reader_never_sees_half_a_file(store: FileStore) -> None:
    first, second = b"a" * 200_000, b"b" * 100_000
    store.put("pic_1/320.jpg", first, "image/jpeg")
    ended = threading.Event()

    def write() -> None:
        for number in range(20):
            store.put("pic_1/320.jpg", second if number % 2 else first, "image/jpeg")
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = {store.get("pic_1/320.jpg")}
    while not ended.is_set():
        seen.add(store.get("pic_1/320.jpg"))
    writer.join()
    assert seen <= {first, second}


def test_a_file_that_was_being_written_is_not_one(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    store.put("pic_1/320.jpg", b"x", "image/jpeg")
    (tmp_path / "pic_1" / ".640.jpg.0123").write_bytes(b"ha")  # its writer was killed
    assert store.list_names("pic_1") == {"320.jpg"}
    store.remove("pic_1")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for root in (tmp_path / "file", tmp_path / "unmounted"):
        with pytest.raises(FileStoreDown):
            Folder(root).get("pic_1/320.jpg")
    with pytest.raises(FileStoreDown):
        Folder(tmp_path / "file").put("pic_1/320.jpg", b"x", "image/jpeg")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "missing bucket"])
def test_a_bucket_that_cannot_be_used_is_unavailable(url: str, monkeypatch: pytest.MonkeyPatch, s3: str) -> None:
    use_s3(monkeypatch, s3 if url == "missing bucket" else url)
    store: Any = open_store.__wrapped__("s3://no-such-bucket")
    for call in (
        lambda: store.put("pic_1/1.jpg", b"x", "image/jpeg"), lambda: store.get("pic_1/1.jpg"),
        lambda: store.remove("pic_1"), lambda: list(store.list_folders()),
    ):  # fmt: skip
        with pytest.raises(FileStoreDown):
            call()
