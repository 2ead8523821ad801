"""The desk's pages of imports, without workers."""

import re
from io import BytesIO
from typing import Any

from models import imports
from models.core.database import transaction
from tests.runs import step
from tests.web.desk.selling import Desk

FILE = ",".join(imports.NATIVE_COLUMNS).encode() + b"\nBOOK-EMMA" + b"," * (len(imports.NATIVE_COLUMNS) - 1) + b"\n"


def upload(desk: Desk, content: bytes, form: dict[str, str] | None = None) -> Any:
    form = form or desk.form("/desk/imports", "/desk/imports")
    data = {**form, "file": (BytesIO(content), "<b>books.csv")}
    return desk.post("/desk/imports", data=data, content_type="multipart/form-data")


def test_a_file_is_imported_once_followed_and_cancelled(desk: Desk) -> None:
    form = desk.form("/desk/imports", "/desk/imports")
    sent = [upload(desk, FILE, form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303], sent[0].text
    path = sent[0].headers["Location"]
    assert path == sent[1].headers["Location"]
    with transaction() as session:
        assert len(session.scalars(imports.select_imports()).all()) == 1
    page = desk.get(path).text
    assert "being read" in page
    assert "<b>books" not in page + desk.get("/desk/imports").text
    part = desk.get(f"{path}?part=1").text
    assert "<html" not in part
    assert "being read" in part
    assert re.match(r"line,sku,reason", desk.get(f"{path}/refused.csv").text)
    cancelled = desk.fill(path, f"{path}/cancel")
    assert "The import is being cancelled" in desk.get(cancelled.headers["Location"]).text


def test_the_counts_follow_the_chunks_while_they_are_imported(desk: Desk) -> None:
    path = upload(desk, FILE).headers["Location"]
    with transaction() as session:
        made = imports.get(session, path.rpartition("/")[2])
        made.status, made.rows = "importing", 3000
        run_id = made.run_id
    step(run_id, "catalogue.read", output={"chunks": 3, "created": 9})
    for number in range(2):
        counts = {"created": 700, "updated": 200, "unchanged": 98, "refused": 2}
        step(run_id, f"catalogue.take[{number}]", output=counts)
    step(run_id, "catalogue.take[2]", "intent")
    part = desk.get(f"{path}?part=1").text
    assert 'max="3000" value="2000"' in part
    for name, count in (("New", 1400), ("Changed", 400), ("Unchanged", 196), ("Refused", 4)):
        assert f"<dt>{name}</dt><dd>{count}</dd>" in part
    with transaction() as session:
        imports.finish_import(session, path.rpartition("/")[2], [{"created": 2998, "refused": 2}])
    part = desk.get(f"{path}?part=1").text
    assert "<progress" not in part
    assert "<dt>New</dt><dd>2998</dd>" in part


def test_what_is_no_catalogue_is_refused_in_words(desk: Desk) -> None:
    refused = upload(desk, b"\x00\x01")
    assert refused.status_code in (400, 422)
    assert "The file is binary" in refused.text
    form = desk.form("/desk/imports", "/desk/imports")
    assert "Choose a file." in desk.post("/desk/imports", data=form).text


def test_a_catalogue_of_ten_thousand_rows_is_uploaded(desk: Desk) -> None:
    row = ",".join(["x" * 20] * len(imports.NATIVE_COLUMNS)).encode()
    content = b"\n".join([FILE.partition(b"\n")[0], *[row] * 10_000])
    assert len(content) > 1 << 20
    form = desk.form("/desk/imports", "/desk/imports")
    fields = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form.items()
    )
    head = f'{fields}--x\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\n\r\n'
    body = head.encode() + content + b"\r\n--x--\r\n"
    sent = desk.post("/desk/imports", data=body, content_type="multipart/form-data; boundary=x")
    assert sent.status_code == 303, sent.text
    page = desk.get(sent.headers["Location"]).text
    assert f'max="{len(content)}"' in page
