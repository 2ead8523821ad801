"""The desk's page of a product's pictures, without workers."""

import re
from io import BytesIO
from typing import Any

from flask.testing import FlaskClient

from models import pictures
from models.core.database import transaction
from settings import settings
from tests.photographs import SVG, photograph
from tests.publishing import publish
from tests.shopping import make_product
from tests.web.desk.selling import Desk


def upload(desk: Desk, product_id: str, *files: bytes, form: dict[str, str] | None = None) -> Any:
    path = f"/desk/products/{product_id}/pictures"
    chosen = [(BytesIO(body), f"<b>{n}.jpg") for n, body in enumerate(files)]
    data = {**(form or desk.form(path, path)), "file": chosen}
    return desk.post(path, data=data, content_type="multipart/form-data")


def listed(product_id: str) -> list[pictures.Picture]:
    with transaction() as session:
        query = pictures.select_pictures(product_id, None).order_by(pictures.Picture.position)
        return list(session.scalars(query))


def test_pictures_are_uploaded_once_followed_and_shown(desk: Desk) -> None:
    product_id = make_product("EMMA", 3)
    path = f"/desk/products/{product_id}/pictures"
    assert "No pictures yet" in desk.get(path).text
    form = desk.form(path, path)
    sent = [upload(desk, product_id, photograph(), photograph(300, 200), form=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303], sent[0].text
    first, second = listed(product_id)
    page = desk.get(sent[0].headers["Location"]).text
    assert "The pictures are uploaded" in page
    assert page.count("being resized") == 2
    assert "being resized" in desk.get(f"/desk/pictures/{first.id}").text
    publish(first.id)
    with transaction() as session:
        pictures.fail(session, second.id, {"code": "picture_refused", "detail": "It is <b>broken</b>."})
    part = desk.get(f"/desk/pictures/{first.id}").text
    assert "<html" not in part + page.partition("<html")[0]
    assert f"/v1/pictures/{first.id}/60.jpg" in part
    page = desk.get(path).text
    assert page.count("shown in lists") == 1
    assert "It is &lt;b&gt;broken&lt;/b&gt;." in page
    assert "hx-get" not in page


def test_what_is_no_picture_is_named_and_nothing_is_uploaded(desk: Desk) -> None:
    product_id = make_product("EMMA", 3)
    refused = upload(desk, product_id, photograph(), SVG, b"\xff\xd8\xff")
    assert refused.status_code == 422
    assert re.search(r"Nothing was uploaded\. &lt;b&gt;1\.jpg: .*&lt;b&gt;2\.jpg: ", refused.text)
    assert "0.jpg" not in refused.text
    assert "Choose a file." in upload(desk, product_id).text
    assert listed(product_id) == []


def test_a_form_that_is_sent_again_with_another_file_says_so(desk: Desk) -> None:
    product_id = make_product("EMMA", 3)
    path = f"/desk/products/{product_id}/pictures"
    form = desk.form(path, path)
    upload(desk, product_id, photograph(), form=form)
    again = upload(desk, product_id, photograph(300, 200), form=form)
    assert again.status_code == 422
    assert "This form was sent before, with other values." in again.text
    assert len(listed(product_id)) == 1


def test_a_product_has_no_more_pictures_than_it_may(desk: Desk) -> None:
    product_id = make_product("EMMA", 3)
    small = photograph(60, 40)
    refused = upload(desk, product_id, *[small] * (settings.product_pictures + 1))
    assert refused.status_code == 409
    assert "more pictures than a product may have" in refused.text
    assert listed(product_id) == []
    upload(desk, product_id, *[small] * settings.product_pictures)
    assert 'type="file"' not in desk.get(f"/desk/products/{product_id}/pictures").text


def test_a_picture_is_described_moved_and_deleted(desk: Desk) -> None:
    product_id = make_product("EMMA", 3)
    path = f"/desk/products/{product_id}/pictures"
    upload(desk, product_id, photograph(), photograph())
    first, second = [picture.id for picture in listed(product_id)]
    described = desk.fill(path, f"/desk/pictures/{first}", alt='A "red" mug')
    assert "The text of the picture is saved." in desk.get(described.headers["Location"]).text
    assert listed(product_id)[0].alt == 'A "red" mug'
    page = desk.get(path).text
    assert page.index(first) < page.index(second)
    moved = desk.fill(path, f"/desk/pictures/{first}/move")
    assert "The picture is moved." in desk.get(moved.headers["Location"].partition("#")[0]).text
    assert [picture.id for picture in listed(product_id)] == [second, first]
    gone = desk.fill(path, f"/desk/pictures/{first}/delete")
    assert "The picture is deleted." in desk.get(gone.headers["Location"]).text
    assert [picture.id for picture in listed(product_id)] == [second]
    assert desk.get(f"/desk/pictures/{first}").status_code == 404
    assert desk.post(f"/desk/pictures/{first}/delete", data=desk.form(path, path)).status_code == 404


def test_an_order_and_a_text_that_somebody_else_has_changed_are_refused(desk: Desk) -> None:
    product_id = make_product("EMMA", 3)
    path = f"/desk/products/{product_id}/pictures"
    upload(desk, product_id, photograph(), photograph())
    first, second = [picture.id for picture in listed(product_id)]
    move, describe = desk.form(path, f"/desk/pictures/{first}/move"), desk.form(path, f"/desk/pictures/{first}")
    desk.fill(path, f"/desk/pictures/{second}/move")
    desk.fill(path, f"/desk/pictures/{first}", alt="Theirs")
    for action, form in ((f"/desk/pictures/{first}/move", move), (f"/desk/pictures/{first}", describe)):
        stale = desk.post(action, data={**form, "alt": "Mine"})
        assert stale.status_code == 412
        assert "Somebody else has changed this" in stale.text
    assert [picture.alt for picture in listed(product_id)] == ["", "Theirs"]


def test_only_those_who_write_products_open_the_page(desk: Desk, staff_of: Any, browser: FlaskClient) -> None:
    product_id = make_product("EMMA", 3)
    path = f"/desk/products/{product_id}/pictures"
    assert staff_of("finance").get(path).status_code == 403
    assert "/sign-in" in browser.get(path).headers["Location"]
    large = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(2 << 20) + b"\r\n--x--"
    for somebody, status in ((browser, 413), (desk, 403)):  # a form without its token, of which strangers send less
        sent = somebody.post(path, data=large, content_type="multipart/form-data; boundary=x")
        assert sent.status_code == status
