"""A file is read in slices: each row is imported or refused exactly once, whatever it contains."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from models import imports
from models.core.csv import encode
from models.core.database import transaction
from models.imports import ImportTooLarge, NotACatalogue, Refusal, Rows, check_head, reading, uploads
from models.imports.csv_file import MAX_COLUMNS
from models.imports.csv_rows import MAX_CELL, MAX_ROW
from models.operations import audit
from settings import Settings
from tests.models.auditing import check, ledger
from tests.models.csv_reading import read_file
from tests.workflows.test_catalogue_import import SHOPIFY, sheet, thing

HEADER = b"sku,kind,title,category,price,attributes\n"
NATIVE = HEADER.decode().rstrip()


def stored(content: bytes, kind: str | None = None) -> str:
    """The id of an import of which nothing has been read."""
    with transaction() as session:
        file = io.BytesIO(content)
        about = {"sha256": str(hash(content)), "file_name": None, "default_kind": kind}
        return imports.start_import(session, None, file, **about).id  # type: ignore[arg-type]


def read_all(import_id: str) -> int:
    """Reads the file to its end; returns in how many slices."""
    for number in range(1, 1000):
        with transaction() as session:
            if imports.read_slice(session, import_id) is not None:
                return number
    raise AssertionError("it never ends")


def bodies(import_id: str) -> list[dict[str, Any]]:
    with transaction() as session:
        chunks = select(imports.Chunk.body).filter_by(import_id=import_id).order_by(imports.Chunk.number)
        return [json.loads(body) for body in session.scalars(chunks)]


def import_all(import_id: str) -> dict[str, Any]:
    parts = []
    for number in range(1, len(bodies(import_id)) + 1):
        with transaction() as session:
            parts.append(imports.import_chunk(session, import_id, number))
    with transaction() as session:
        return imports.finish_import(session, import_id, parts)


FILES = {
    "our format": sheet(*map(thing, range(40)), thing(3), thing(7, description="one\r\ntwo\rthree\nfour é"), thing(3)),
    "Shopify": SHOPIFY + "".join(f"linen-shirt,,,,,,,,,S{n},,,S-{n},,1,9.00,,,,\n" for n in range(40)),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("piece", "slice_rows"), [(7, 3), (64, 1), (1 << 18, 5), (333, 50_000)])
def test_slices_and_pieces_of_any_size_give_the_same_rows(
    database: None, monkeypatch: pytest.MonkeyPatch, name: str, piece: int, slice_rows: int
) -> None:
    whole = stored(FILES[name].encode())
    assert read_all(whole) == 1
    monkeypatch.setattr(uploads, "PIECE", piece)
    monkeypatch.setattr(reading, "SLICE_ROWS", slice_rows)
    again = stored(b"\xef\xbb\xbf" + FILES[name].encode())
    assert (read_all(again) > 1) == (slice_rows < 50)
    one, many = bodies(whole), bodies(again)
    for part in ("rows", "refused"):
        assert [row for body in many for row in body[part]] == [row for body in one for row in body[part]]
    assert {**import_all(whole), "import_id": ""} | {"created": 0, "unchanged": 0} == {
        **import_all(again), "import_id": "", "created": 0, "unchanged": 0,
    }  # fmt: skip


def test_a_slice_ends_after_its_bytes(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SLICE", 100)
    assert read_all(stored(FILES["our format"].encode())) > 5


def test_a_file_has_at_most_the_rows_of_the_setting(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "settings", Settings(import_rows=3))
    assert read_all(stored(sheet(*map(thing, range(3))).encode())) == 1
    import_id = stored(sheet(*map(thing, range(4))).encode())
    with pytest.raises(ImportTooLarge, match="more than 3 rows") as refused, transaction() as session:
        imports.read_slice(session, import_id)
    assert refused.value.extra == {"limit": 3}


@pytest.mark.parametrize("columns", [MAX_COLUMNS + 1, 20_000, 30_000])
def test_a_header_of_many_columns_is_refused(columns: int) -> None:
    header = ",".join(f"c{number % 1000}" for number in range(columns)).encode() + b"\n"
    with pytest.raises(ImportTooLarge) as refused:
        check_head(header[: 1 << 16], is_all=len(header) <= 1 << 16)
    assert refused.value.extra["limit"] in (MAX_COLUMNS, 1 << 16)


def test_a_shopify_export_may_have_many_columns() -> None:
    more = ",".join(f"Metafield {number}" for number in range(MAX_COLUMNS - 3))
    assert check_head(f"Handle,Title,Variant Price,{more}\na,b,1\n".encode(), is_all=True).format == "shopify"


@pytest.mark.parametrize("start", [b"sku,kind," + b"x" * 70_000, b'sku,"kind,' + b"\n" * 70_000])
def test_a_header_longer_than_what_is_checked_at_once_is_refused(start: bytes) -> None:
    with pytest.raises(ImportTooLarge, match="header is longer"):
        check_head(start[: 1 << 16], is_all=False)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_the_head_ends_where_the_next_row_begins(end: bytes) -> None:
    start = HEADER.strip() + end + (b"T,book,T,C,1," + end) * 6000
    head = check_head(start[: 1 << 16], is_all=False)
    assert (head.offset, head.line) == (len(HEADER.strip() + end), 2)


def test_a_missing_quotation_mark_refuses_the_file_in_bounded_memory() -> None:
    pieces = (b'A,book,"A' if number == 0 else b"line\n" * 50_000 for number in range(1000))
    with pytest.raises(ImportTooLarge, match=r"row that begins on line 2 .*quotation mark") as refused:
        list(Rows(pieces, offset=len(HEADER), line=2))
    assert refused.value.extra["limit"] == MAX_ROW
    assert next(pieces), "the rest of the file was not read"


def test_a_long_cell_refuses_its_row() -> None:
    found = read_file(HEADER + b"A,book,A,C,1,\nB,book," + b"x" * (MAX_CELL + 1) + b",C,1,\nC,book,C,C,1,\n")
    assert [isinstance(row, Refusal) for row in found] == [False, True, False]
    assert isinstance(found[1], Refusal)
    assert found[1].reason == f"title: Is longer than {MAX_CELL} characters."


TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    [
        "book",
        "1.50",
        "1e999990",
        "9" * 5000,
        '{"\\u0000": 1}',
        '{"\\ud800": "\\udfff"}',
        "[" * 9000,
        "\0",
        "=1",
        "'",
        '"',
        "-0",
    ]
)
LINES = st.lists(
    st.lists(TEXT, min_size=1, max_size=7).map(lambda cells: encode([cells]).rstrip())
    | st.text(st.characters(codec="utf-8"), max_size=40),
    max_size=8,
)  # fmt: skip
FILE = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.sampled_from([HEADER, b"Handle,Title,Variant Price,Variant SKU,Body (HTML),Type\n"]), LINES).map(
        lambda found: found[0] + "\n".join(found[1]).encode()
    ),
    st.tuples(st.just(HEADER), st.binary(max_size=200)).map(b"".join),
)
SHORT = settings(max_examples=150, deadline=None, derandomize=True)


@SHORT
@given(FILE)
def test_any_bytes_are_refused_or_give_rows_with_lines_in_order(content: bytes) -> None:
    try:
        found = read_file(content, "book")
    except (NotACatalogue, ImportTooLarge):
        return
    lines = [row.line for row in found]
    assert lines == sorted(set(lines)), "each row counts once"
    for row in found:
        if isinstance(row, Refusal):
            assert "\0" not in row.sku + row.reason
            assert len((row.sku + row.reason).encode()) < 10_000, "it can be stored"


@pytest.mark.usefixtures("database")
@settings(SHORT, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILE)
def test_any_file_is_imported_or_refused_and_each_of_its_rows_once(content: bytes) -> None:
    try:
        import_id = stored(content, "book")
        read_all(import_id)
    except (NotACatalogue, ImportTooLarge):
        return
    result = import_all(import_id)
    assert result["rows"] == sum(result[name] for name in ("created", "updated", "unchanged", "refused"))
    with transaction() as session:
        assert (
            session.scalar(select(func.count()).select_from(imports.Refused).filter_by(import_id=import_id))
            == (result["refused"])
        )
        assert session.scalar(select(func.count()).select_from(imports.Piece).filter_by(import_id=import_id)) == 0


def test_an_import_that_does_not_add_up_or_keeps_its_file_is_found(database: None) -> None:
    import_id = stored(sheet(thing(1), thing(2, price="?")).encode())
    names = ("an ended import accounts for each of its rows", "files are kept only while they are imported")

    def seen() -> list[dict[str, int]]:
        found: dict[str, audit.Finding] = check(ledger())
        return [found[name].figures for name in names]

    assert seen()[1] == {"files": 1, "wrong": 0}
    with transaction() as session:
        session.get_one(imports.Import, import_id).status = "importing"
    assert seen()[1] == {"files": 1, "wrong": 1}
    with transaction() as session:
        session.get_one(imports.Import, import_id).status = "reading"
    read_all(import_id)
    import_all(import_id)
    assert seen() == [
        {"imports": 1, "rows": 2, "imported": 1, "refused": 1, "dropped": 0, "wrong": 0}, {"files": 1, "wrong": 0},
    ]  # fmt: skip
    with transaction() as session:
        session.get_one(imports.Import, import_id).created = 2
    assert seen()[0]["wrong"] == 1
