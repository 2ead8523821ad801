"""The audit's look into the store of pictures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import settings
from tasks.auditing import check_what_is_possible
from tasks.gateways.files import open_store
from tasks.stored_files import MISSING, ORPHANED, STORED, check_files
from tests.publishing import add_picture
from tests.shopping import make_product


@pytest.fixture
def store(database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an empty store."""
    monkeypatch.setitem(settings.__dict__, "picture_store", (tmp_path / "pictures").as_uri())
    open_store.cache_clear()
    return tmp_path / "pictures"


@pytest.fixture(autouse=True)
def _forget_the_store() -> Iterator[None]:
    yield
    open_store.cache_clear()


@pytest.fixture
def shown(store: Path) -> str:
    """A ready picture with its files."""
    return add_picture(make_product("MUG", 1))


def wrong() -> dict[str, list[str]]:
    return {finding.name: finding.examples for finding in check_files() if not finding.ok}


def test_a_shop_without_pictures_needs_no_folder(store: Path) -> None:
    assert [(finding.ok, finding.figures["checked"]) for finding in check_files()] == [(True, 0)] * 2
    assert not store.exists()


def test_a_missing_file_is_found(shown: str, store: Path) -> None:
    assert wrong() == {}
    (store / shown / "60.webp").unlink()
    assert wrong() == {MISSING: [shown]}


def test_a_file_without_a_picture_is_found(shown: str, store: Path) -> None:
    stranger = f"pic_{'0' * 32}"
    open_store().put(f"{stranger}/60.jpg", b"x", "image/jpeg")
    (store / "lost+found").mkdir()
    assert wrong() == {ORPHANED: [stranger]}


def test_a_store_that_does_not_work_is_no_broken_invariant(shown: str, store: Path) -> None:
    store.rename(store.with_name("unmounted"))
    store.write_text("")
    checked = check_what_is_possible()
    assert (checked.holds, set(checked.unchecked) & set(STORED)) == (True, set(STORED))
    assert "The folder of the pictures does not exist" in (checked.silent or "")
