"""Pictures with real workers: from the upload to the files, and back to nothing."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from local.waiting import wait_until
from models.core.database import transaction
from models.core.event_log import Event
from models.pictures import Picture, Upload
from settings import settings
from tasks.gateways.files import open_store
from tests.conftest import Caller
from tests.faults.checks import status_of
from tests.photographs import exif_of, opened, photograph
from tests.shop import Shop
from tests.shopping import make_product

WAIT = {"Prefer": "wait=30"}


@pytest.fixture
def mug(database: None) -> str:
    """The path of the pictures of a product."""
    return f"/v1/products/{make_product('MUG', 3)}/pictures"


def send(staff: Caller, path: str, body: bytes, **options: Any) -> Any:
    return staff.post(path, data=body, content_type="image/jpeg", **options)


def rows_of(table: Any) -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def check_shown(client: Any, mug: str) -> dict[str, Any]:
    """One picture is shown, with files that are what its sources say."""
    (shown,) = client.get(mug).json["data"]
    assert [source["width"] for source in shown["sources"]] == [320, 640, 900] * 3
    for source in shown["sources"]:
        file = client.get(source["url"])
        assert (file.status_code, file.content_type) == (200, source["type"])
        image = opened(file.data)
        assert (image.width, f"image/{str(image.format).lower()}") == (source["width"], source["type"])
        assert not image.getexif()
    found: dict[str, Any] = shown
    return found


def test_an_upload_becomes_files_of_every_width_and_type(shop: Shop, staff: Caller, client: Any, mug: str) -> None:
    etag = client.get(mug.removesuffix("/pictures")).headers["ETag"]
    made = send(staff, f"{mug}?alt=A%20mug", photograph(600, 900, exif=exif_of(8)), headers=WAIT)
    assert (made.status_code, made.json["status"]) == (201, "ready"), made.json
    shown = check_shown(client, mug)
    assert (shown["alt"], shown["width"], shown["height"]) == ("A mug", 900, 600)
    assert client.get(mug.removesuffix("/pictures")).headers["ETag"] != etag
    assert rows_of(Upload) == 0
    task = staff.get(made.json["links"]["task"]).json
    assert (task["status"], task["result"]["picture_id"]) == ("succeeded", shown["id"])
    with transaction() as session:
        changed = select(func.count()).select_from(Event).where(Event.name == "product.changed")
        assert session.scalars(changed).one() == 2, "created, and updated"


def test_a_picture_that_cannot_be_decoded_fails_with_the_reason(
    shop: Shop, staff: Caller, client: Any, mug: str
) -> None:
    body = photograph(900, 600)
    refused = send(staff, mug, body[: len(body) // 2], headers=WAIT)
    assert (refused.status_code, refused.json["code"]) == (422, "picture_refused")
    (failed,) = staff.get("/v1/pictures?status=failed").json["data"]
    assert failed["error"] == {"code": "picture_refused", "detail": refused.json["detail"]}
    assert client.get(mug).json == {"data": []}
    assert staff.delete(failed["links"]["self"]).status_code == 204
    assert wait_until(lambda: rows_of(Picture) == 0, 20, 0.1)
    assert rows_of(Upload) == 0


def test_a_removed_picture_leaves_no_files(shop: Shop, staff: Caller, client: Any, mug: str) -> None:
    made = send(staff, mug, photograph(), headers=WAIT).json
    assert len(open_store().list_names(made["id"])) == 9
    assert staff.delete(made["links"]["self"]).status_code == 204
    assert wait_until(lambda: rows_of(Picture) == 0, 20, 0.1)
    assert open_store().list_names(made["id"]) == set()


def test_a_picture_that_is_removed_while_it_is_made_leaves_no_files(shop: Shop, staff: Caller, mug: str) -> None:
    made = [send(staff, mug, photograph(1400, 900)).json["picture"] for _ in range(4)]
    for picture in made:
        assert staff.delete(picture["links"]["self"]).status_code == 204
    assert wait_until(lambda: rows_of(Picture) == 0, 60, 0.1)
    assert wait_until(lambda: not any(open_store().list_names(picture["id"]) for picture in made), 20, 0.1)
    assert rows_of(Upload) == 0


def test_a_picture_of_a_product_that_is_deleted_meanwhile_is_not_shown(shop: Shop, staff: Caller, mug: str) -> None:
    made = send(staff, mug, photograph(1400, 900)).json
    assert staff.delete(mug.removesuffix("/pictures")).status_code == 204
    run = made["links"]["task"]
    assert wait_until(lambda: staff.get(run).json["status"] in ("cancelled", "succeeded"), 60, 0.1)
    if staff.get(run).json["status"] == "cancelled":
        assert staff.get(made["links"]["picture"]).json["error"]["code"] == "not_found"
        assert wait_until(lambda: not open_store().list_names(made["picture"]["id"]), 20, 0.1)


def test_while_the_store_is_broken_pictures_wait(shop: Shop, staff: Caller, client: Any, mug: str) -> None:
    root = Path(settings.picture_store_url.removeprefix("file://"))
    shutil.rmtree(root, ignore_errors=True)
    root.write_text("a broken disk")
    try:
        made = send(staff, mug, photograph())
        assert made.status_code == 202, "the upload is in the database"
        run = made.json["task_id"]
        assert wait_until(lambda: staff.get(f"/v1/tasks/{run}").json["progress"]["done"] == 1, 30, 0.1)
        assert status_of(run, "pictures.render[320]") != "done"
    finally:
        root.unlink()
    assert wait_until(lambda: staff.get(f"/v1/tasks/{run}").json["status"] == "succeeded", 60, 0.2)
    check_shown(client, mug)
