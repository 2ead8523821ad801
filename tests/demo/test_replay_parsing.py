"""Parsing of the retailer's file; unorderable lines are counted by reason."""

import gzip
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.replay.cancellations import Matcher, Part
from demo.replay.retail import COLUMNS, Invoice, NotRetail, Skipped, group_rows, invoices, rows

HEADER = ",".join(COLUMNS)
REAL = Path(
    os.environ.get("SHOP_TEST_RETAIL")
    or Path(__file__).parents[3] / "shared" / "data" / "online-retail" / "2010-12_2011-06.csv.gz"
)


def line(
    invoice: str = "536365",
    code: str = "85123A",
    description: str = "WHITE HEART",
    quantity: str = "6",
    date: str = "2010-12-01 08:26:00",
    price: str = "2.55",
    customer: str = "17850.0",
    country: str = "United Kingdom",
) -> str:
    return ",".join((invoice, code, description, quantity, date, price, customer, country))


def read(*lines: str) -> list[Invoice]:
    return list(group_rows(rows([f"{text}\n" for text in (HEADER, *lines)])))


def skipped(*lines: str) -> Counter[Skipped]:
    return sum((invoice.skipped for invoice in read(*lines)), Counter())


def test_an_invoice_has_its_lines_in_pence() -> None:
    (invoice,) = read(line(), line(code="71053", price="3.39", quantity="2"))
    assert (invoice.number, invoice.customer, invoice.country) == ("536365", "17850", "United Kingdom")
    assert {sku: (found.quantity, found.price) for sku, found in invoice.lines.items()} == {
        "85123A": (6, 255),
        "71053": (2, 339),
    }
    assert (invoice.value, invoice.units) == (6 * 255 + 2 * 339, 8)
    assert not invoice.skipped


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line(customer=""), Skipped.NO_CUSTOMER),
        (line(code="POST"), Skipped.NOT_GOODS),
        (line(code="DOT"), Skipped.NOT_GOODS),
        (line(code="m"), Skipped.NOT_GOODS),
        (line(code="BANK CHARGES"), Skipped.NOT_GOODS),
        (line(code="AMAZONFEE"), Skipped.NOT_GOODS),
        (line(code="C2"), Skipped.NOT_GOODS),
        (line(code="CRUK"), Skipped.NOT_GOODS),
        (line(code="D"), Skipped.NOT_GOODS),
        (line(quantity="-12"), Skipped.QUANTITY),
        (line(quantity="0"), Skipped.QUANTITY),
        (line(price="0.0"), Skipped.FREE),
        (line(price="-11062.06"), Skipped.FREE),
        (line(price="0.001"), Skipped.FRACTION),
        (line(price="1e-99999999"), Skipped.FRACTION),
        ("536365,85123A,WHITE HEART,6", Skipped.UNREADABLE),
        (line() + ",one more", Skipped.UNREADABLE),
        (line(quantity="six"), Skipped.UNREADABLE),
        (line(quantity="2.5"), Skipped.UNREADABLE),
        (line(quantity="9" * 12), Skipped.UNREADABLE),
        (line(price="£2.55"), Skipped.UNREADABLE),
        (line(price="NaN"), Skipped.UNREADABLE),
        (line(price="Infinity"), Skipped.UNREADABLE),
        (line(price="1e99999999"), Skipped.UNREADABLE),
        (line(date="yesterday"), Skipped.UNREADABLE),
        (line(invoice=""), Skipped.UNREADABLE),
        (line(description="NUL \0 within"), None),
    ],
)
def test_an_unorderable_line_is_skipped_with_its_reason(text: str, reason: Skipped | None) -> None:
    good = line(invoice="1", code="71053")
    assert skipped(good, text) == (Counter([reason]) if reason else Counter())
    assert sum(len(invoice.lines) for invoice in read(good, text)) == (1 if reason else 2)


def test_a_cancellation_has_lines_to_take_back_and_others_with_their_value() -> None:
    (invoice,) = read(
        line(invoice="C536379", quantity="-2"), line(invoice="C536379", code="D", quantity="-1", price="27.50"),
        line(invoice="C536379", quantity="3"),
    )  # fmt: skip
    assert (invoice.is_cancellation, invoice.lines, invoice.skipped) == (True, {}, Counter())
    assert [(taken.sku, taken.quantity, taken.price) for taken in invoice.taken_back] == [("85123A", 2, 255)]
    assert invoice.not_taken_back == [(Skipped.NOT_GOODS, 2750), (Skipped.QUANTITY, -765)]


def match(*lines: str) -> tuple[list[Part], list[tuple[Skipped, int]]]:
    matcher = Matcher()
    found = [matcher.add(invoice) for invoice in read(*lines)]
    return [part for parts, _ in found for part in parts], [left for _, unmatched in found for left in unmatched]


def test_a_cancellation_belongs_to_the_latest_purchase_with_enough_units_left() -> None:
    bought = [line(invoice=str(number), quantity=quantity) for number, quantity in ((1, "6"), (2, "4"), (3, "1"))]
    returned = [line(invoice=f"C{number}", quantity="-3") for number in range(3)]
    parts, unmatched = match(*bought, line(invoice="4", customer="1"), *returned, line(invoice="5"))
    assert [(part.cancellation, part.invoice, part.units, part.value, part.cancels) for part in parts] == [
        ("C0", "2", {"85123A": 3}, 765, False), ("C1", "1", {"85123A": 3}, 765, False),
        ("C2", "1", {"85123A": 3}, 765, False),
    ]  # fmt: skip
    assert unmatched == []


def test_an_order_of_which_everything_is_taken_back_at_once_is_cancelled() -> None:
    bought = [line(invoice="1"), line(invoice="1", code="71053"), line(invoice="2", code="22423")]
    back = [line(invoice="C3", quantity="-6", code=code) for code in ("71053", "85123A", "22423")]
    parts, _ = match(*bought, *back)
    assert [(part.invoice, part.cancels) for part in parts] == [("1", True), ("2", True)]


def test_what_belongs_to_no_purchase_is_left_with_its_reason_and_value() -> None:
    back = [
        line(invoice="C2", quantity="-7"), line(invoice="C2", quantity="-1", price="2.10"),
        line(invoice="C2", quantity="-1", code="71053"), line(invoice="C3", quantity="-1", customer="1"),
    ]  # fmt: skip
    parts, unmatched = match(line(invoice="1"), *back, line(invoice="4", code="71053"))
    assert parts == []
    assert unmatched == [
        (Skipped.TOO_MANY, 1785), (Skipped.OTHER_PRICE, 210), (Skipped.NO_PURCHASE, 255), (Skipped.NO_PURCHASE, 255),
    ]  # fmt: skip


def test_product_codes_are_accepted() -> None:
    codes = ["71053", "85123A", "15056BL", "DCGSSGIRL", "gift_0001_20", "PADS"]
    (invoice,) = read(*(line(code=code) for code in codes))
    assert list(invoice.lines) == [code.upper() for code in codes]


def test_a_repeated_sku_is_summed_regardless_of_case() -> None:
    (invoice,) = read(line(), line(code="85123a", quantity="4", description="heart"))
    assert [(found.sku, found.quantity) for found in invoice.lines.values()] == [("85123A", 10)]


def test_a_second_price_or_customer_in_one_invoice_is_skipped() -> None:
    (invoice,) = read(line(), line(price="5.06"), line(code="71053", customer="1.0"))
    assert invoice.skipped == Counter([Skipped.SECOND_PRICE, Skipped.OTHER_CUSTOMER])
    assert invoice.value == 6 * 255


def test_descriptions_may_contain_pounds_quotes_and_blanks() -> None:
    (invoice,) = read(line(description='"  Voucher  £40.00, with ""bow"" "'), line(code="71053", description=""))
    assert [found.title for found in invoice.lines.values()] == ['Voucher £40.00, with "bow"', "Product 71053"]


def test_a_line_may_have_tens_of_thousands_of_units() -> None:
    (invoice,) = read(line(quantity="74215", price="1.04"))
    assert invoice.value == 7_718_360


def test_an_interrupted_invoice_stays_one() -> None:
    found = read(line(), line(invoice="C1"), line(code="71053"))
    assert [(invoice.number, len(invoice.lines)) for invoice in found] == [("536365", 2), ("C1", 0)]


def test_an_invoice_continued_much_later_is_not_ordered_twice() -> None:
    others = [line(invoice=str(number)) for number in range(20)]
    found = read(line(), *others, line(code="71053"))
    assert [invoice.number for invoice in found] == ["536365", *map(str, range(20)), ""]
    assert found[-1].skipped == Counter([Skipped.CONTINUED_LATER])


def test_an_unclosed_quotation_mark_costs_a_bounded_number_of_lines() -> None:
    broken = line(invoice="2", description='"never closed')
    filler = [line(invoice=str(number)) for number in range(10, 6000)]
    found = read(line(), broken, *filler)
    assert found[0].number == "536365"
    assert Skipped.UNREADABLE in skipped(line(), broken, *filler)
    assert len(found) > 3000


def test_only_invoices_up_to_the_limit_are_read(tmp_path: Path) -> None:
    file = tmp_path / "retail.csv"
    file.write_text("\n".join([HEADER, *(line(invoice=str(number)) for number in range(10))]))
    assert [invoice.number for invoice in invoices(file, 3)] == ["0", "1", "2"]
    assert len(list(invoices(file))) == 10


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("retail.csv", lambda text: text.encode()),
        ("bom.csv", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("windows.csv", lambda text: text.encode("cp1252")),
        ("retail.csv.gz", lambda text: gzip.compress(text.encode())),
        ("crlf.csv", lambda text: text.replace("\n", "\r\n").encode()),
    ],
)
def test_encodings_and_compression(tmp_path: Path, name: str, encode: Callable[[str], bytes]) -> None:
    file = tmp_path / name
    file.write_bytes(encode(f"{HEADER}\n{line(description='VOUCHER £40')}\n"))
    (invoice,) = invoices(file)
    assert invoice.lines["85123A"].title == "VOUCHER £40"


@pytest.mark.parametrize("content", [b"", b"sku,kind,title\n", b"\x00\x01\x02", HEADER.lower().encode()])
def test_a_file_with_other_columns_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.csv"
    file.write_bytes(content)
    with pytest.raises(NotRetail, match="first line"):
        list(invoices(file))


def test_a_truncated_compressed_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cut.csv.gz"
    file.write_bytes(gzip.compress(f"{HEADER}\n{line()}\n".encode() * 100)[:60])
    with pytest.raises(NotRetail, match="truncated"):
        list(invoices(file))


@pytest.mark.skipif(not REAL.exists(), reason="needs the data set Online Retail; SHOP_TEST_RETAIL names its file")
def test_the_real_file_is_read_completely() -> None:
    found, orders, lines, value = Counter[Skipped](), 0, 0, 0
    matcher, left, taken_back = Matcher(), Counter[Skipped](), Counter[str]()
    for invoice in invoices(REAL):
        parts, unmatched = matcher.add(invoice)
        taken_back["cancelled"] += sum(part.cancels for part in parts)
        taken_back["returned"] += sum(not part.cancels for part in parts)
        taken_back["pence"] += sum(part.value for part in parts)
        left.update(reason for reason, _ in unmatched)
        found += invoice.skipped
        orders += bool(invoice.lines)
        lines += len(invoice.lines)
        value += invoice.value
    assert (orders, lines, value) == (8754, 168_387, 392_805_777)
    assert found == {
        Skipped.NO_CUSTOMER: 68_761, Skipped.NOT_GOODS: 695,
        Skipped.SECOND_PRICE: 20, Skipped.FREE: 13, Skipped.FRACTION: 1,
    }  # fmt: skip
    assert taken_back == {"cancelled": 58, "returned": 1621, "pence": 16_103_469}
    assert left == {
        Skipped.NO_PURCHASE: 789, Skipped.NO_CUSTOMER: 253, Skipped.NOT_GOODS: 165, Skipped.OTHER_PRICE: 118,
        Skipped.TOO_MANY: 38,
    }  # fmt: skip
