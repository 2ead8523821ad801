"""Pictures of products over REST, before a worker has seen them, and after."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from models import pictures
from models.core.database import transaction
from models.pictures import Picture, Upload
from settings import settings
from tasks.gateways.files import open_store
from tests.conftest import Caller
from tests.photographs import SVG, animated, bomb, photograph
from tests.publishing import publish
from tests.shopping import make_product

PHOTOGRAPH = photograph(60, 40)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


@pytest.fixture
def mug(database: None) -> str:
    """The path of the pictures of a product."""
    return f"/v1/products/{make_product('MUG', 3)}/pictures"


def send(caller: Caller, path: str, body: bytes = PHOTOGRAPH, **options: Any) -> Any:
    return caller.post(path, data=body, content_type="image/jpeg", **options)


def send_form(caller: Caller, path: str, name: str = "a.jpg", body: bytes = PHOTOGRAPH, **more: Any) -> Any:
    return caller.post(path, data={"file": (BytesIO(body), name), **more}, content_type="multipart/form-data")


def count(table: Any) -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def make_ready(accepted: Any, width: int = 60) -> str:
    """Does what the workers do; returns the picture's id."""
    picture_id: str = accepted.json["picture"]["id"]
    publish(picture_id, width)
    return picture_id


def test_an_upload_is_accepted_as_a_task_and_is_not_shown_yet(staff: Caller, client: Any, mug: str) -> None:
    accepted = send_form(staff, mug, alt="A red mug")
    assert accepted.status_code == 202, accepted.json
    made = accepted.json["picture"]
    assert (made["status"], made["alt"], made["position"], made["width"], made["sources"]) == (
        "processing", "A red mug", 1, None, [],
    )  # fmt: skip
    assert accepted.headers["Location"] == f"/v1/tasks/{accepted.json['task_id']}"
    assert accepted.json["links"]["picture"] == made["links"]["self"]
    assert client.get(mug).json == {"data": []}
    assert client.get(made["links"]["product"]).json["pictures"] == []
    assert staff.get(made["links"]["self"]).json == made
    assert staff.get("/v1/pictures?status=processing").json["data"] == [made]


def test_the_bytes_decide_the_type(staff: Caller, mug: str) -> None:
    as_png = staff.post(mug, data=photograph(60, 40, "PNG"), content_type="image/jpeg")
    assert as_png.status_code == 202
    assert staff.post(mug, data=PHOTOGRAPH, content_type="application/octet-stream").status_code == 202
    for body in (SVG, b"", animated("GIF"), b"%PDF-1.7"):
        for answer in (send(staff, mug, body), send_form(staff, mug, "mug.jpg", body)):
            assert refusal(answer) == (415, "unsupported_picture")
    assert count(Picture) == 2


def test_what_cannot_be_shown_is_refused(staff: Caller, mug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for body in (bomb(30_000, 30_000), bomb(8000, 8000), animated("WEBP"), PHOTOGRAPH[:20]):
        assert refusal(send(staff, mug, body)) == (422, "picture_refused")
    monkeypatch.setitem(settings.__dict__, "picture_bytes", 500)
    assert send(staff, mug, PHOTOGRAPH + bytes(500)).status_code == 413
    assert send_form(staff, mug, body=PHOTOGRAPH + bytes(500)).status_code == 413
    assert count(Picture) == count(Upload) == 0


def test_a_form_has_one_file_and_at_most_a_text(staff: Caller, mug: str) -> None:
    assert refusal(send_form(staff, mug, other="x")) == (422, "invalid_fields")
    assert refusal(send_form(staff, mug, alt="x" * 501)) == (422, "invalid_fields")
    assert refusal(send_form(staff, mug, alt="a\0b")) == (422, "invalid_fields")
    assert refusal(staff.post(mug, data={"alt": "x"}, content_type="multipart/form-data")) == (422, "invalid_fields")
    assert refusal(send(staff, f"{mug}?alt={'x' * 501}")) == (422, "invalid_fields")
    assert send(staff, f"{mug}?alt=A%20mug").json["picture"]["alt"] == "A mug"


def test_only_those_who_may_write_products_add_pictures(sign_in: Any, client: Any, staff: Caller, mug: str) -> None:
    customer = sign_in("ada")
    assert send(customer, mug).status_code == 403
    assert client.post(mug, data=PHOTOGRAPH, content_type="image/jpeg").status_code == 401
    path = send(staff, mug).json["links"]["picture"]
    for call in (customer.get, customer.delete, partial(customer.patch, json={"alt": "x"})):
        assert call(path).status_code == 403
    assert send(staff, mug.replace("/prd_", "/prd_0000")[:45]).status_code == 404


def test_a_request_that_is_sent_twice_adds_one_picture(staff: Caller, mug: str) -> None:
    key = {"Idempotency-Key": "one"}
    first, second = send(staff, mug, headers=key), send(staff, mug, headers=key)
    assert (first.status_code, first.json) == (second.status_code, second.json)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert count(Picture) == 1
    assert refusal(send(staff, mug, photograph(61, 40), headers=key)) == (422, "idempotency_key_reused")


def test_a_product_has_a_limited_number_of_pictures(staff: Caller, mug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "product_pictures", 2)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(staff, mug), range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 202, 409, 409]
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} == {"too_many_pictures"}
    assert staff.delete(staff.get("/v1/pictures").json["data"][0]["links"]["self"]).status_code == 204
    assert send(staff, mug).status_code == 202


def test_ready_pictures_are_shown_with_their_sources_in_order(staff: Caller, client: Any, mug: str) -> None:
    first, second = (make_ready(send(staff, f"{mug}?alt={name}")) for name in ("one", "two"))
    shown = client.get(mug).json["data"]
    assert [(picture["id"], picture["alt"]) for picture in shown] == [(first, "one"), (second, "two")]
    assert (shown[0]["width"], shown[0]["height"]) == (60, 40)
    assert [source["type"] for source in shown[0]["sources"]] == ["image/avif", "image/webp", "image/jpeg"]
    product = client.get(mug.removesuffix("/pictures")).json
    assert product["pictures"] == shown
    for listed in ("/v1/products", "/v1/products?q=mug", "/v1/products?group=true"):
        assert client.get(listed).json["data"][0]["pictures"] == shown[:1]
    assert client.get(shown[0]["sources"][2]["url"]).data[:3] == b"\xff\xd8\xff"


def test_staff_describe_and_move_pictures(staff: Caller, client: Any, mug: str) -> None:
    ids = [make_ready(send(staff, f"{mug}?alt={name}")) for name in "abc"]
    etag = client.get(mug).headers["ETag"]

    def move(picture_id: str, place: int) -> str:
        moved = staff.patch(f"/v1/pictures/{picture_id}", json={"position": place})
        assert moved.status_code == 200, moved.json
        return "".join(picture["alt"] for picture in client.get(mug).json["data"])

    assert [move(ids[2], 1), move(ids[0], 3), move(ids[1], 100), move(ids[1], 2)] == ["cab", "cba", "cab", "cba"]
    assert client.get(mug).headers["ETag"] != etag
    changed = staff.patch(f"/v1/pictures/{ids[0]}", json={"alt": "Last"})
    assert (changed.json["alt"], changed.json["position"]) == ("Last", 3)
    for body in ({"position": 0}, {"alt": 3}, {"alt": "x" * 501}, {"width": 3}):
        assert refusal(staff.patch(f"/v1/pictures/{ids[0]}", json=body)) == (422, "invalid_fields")
    stale = staff.patch(f"/v1/pictures/{ids[0]}", json={"alt": "x"}, headers={"If-Match": etag})
    assert refusal(stale) == (412, "stale")


def test_a_removed_picture_is_shown_to_nobody(staff: Caller, client: Any, mug: str) -> None:
    picture_id = make_ready(send(staff, mug))
    url = client.get(mug).json["data"][0]["sources"][0]["url"]
    assert staff.delete(f"/v1/pictures/{picture_id}").status_code == 204
    assert client.get(mug).json == {"data": []}
    assert [client.get(url).status_code, staff.get(f"/v1/pictures/{picture_id}").status_code] == [404, 404]
    assert staff.delete(f"/v1/pictures/{picture_id}").status_code == 404


def test_files_are_cached_for_good(staff: Caller, client: Any, mug: str) -> None:
    make_ready(send(staff, mug))
    for source in client.get(mug).json["data"][0]["sources"]:
        file = client.get(source["url"])
        assert (file.status_code, file.content_type) == (200, source["type"])
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        again = client.get(source["url"], headers={"If-None-Match": file.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    for wrong in ("1.jpg", "60.png", "60.jpg.exe", "../60.jpg"):
        assert client.get(f"{source['url'].rpartition('/')[0]}/{wrong}").status_code == 404


def test_files_are_unavailable_while_the_store_is(
    staff: Caller, client: Any, mug: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_ready(send(staff, mug))
    url = client.get(mug).json["data"][0]["sources"][0]["url"]
    monkeypatch.setitem(settings.__dict__, "picture_store", (tmp_path / "unmounted").as_uri())
    open_store.cache_clear()
    try:
        assert refusal(client.get(url)) == (503, "unavailable")
    finally:
        open_store.cache_clear()


def test_pictures_of_a_deleted_product_are_not_shown(staff: Caller, client: Any, mug: str) -> None:
    make_ready(send(staff, mug))
    assert staff.delete(mug.removesuffix("/pictures")).status_code == 204
    assert client.get(mug).status_code == 404
    with transaction() as session:
        assert pictures.remove_left_over(session, 10) == 1
    assert staff.get("/v1/pictures").json["data"] == []
