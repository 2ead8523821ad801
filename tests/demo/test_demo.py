"""`make demo`: with its own customers, and with a retailer's invoices."""

import json
import re
import shutil
from pathlib import Path

import pytest

from demo.replay.journal import Journal
from demo.replay.retail import COLUMNS
from tests.command import shop

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


DAY = (
    r"address confirmed by mail, held until then: \d+ +\S+@example.com",
    r"payment waits for the bank's page +\d+\.\d\d EUR +run_", r"confirmed on the bank's page +\d+\.\d\d EUR +pay_",
    r"confirmed on PayPal's page +\d+\.\d\d EUR +pay_", r"phone number verified by a text message +\+\d+",
    r"browser allows push notifications +dev_", r"(parcel has left, units: \d +ful_\w+\s+\d+ +){2}",
    r"label bought: \w+ \w+ +\d+\.\d\d EUR +ful_", r"payment captured +\d+\.\d\d EUR +pay_",
    r"parcel delivered +ful_\w+", r"parcel delivered, says the carrier +ful_\w+",
    r"text message: a parcel is on its way +\+\d+", r"push notification: a parcel is on its way +browser",
    r"goods received and refunded +\d+\.\d\d EUR +ret_", r"credit note issued +\d+\.\d\d EUR +C\d+-000001",
    r"cancelled, authorisation voided +\d+\.\d\d EUR +pay_", r"5 units received +purchase order",
    r"2 units received in the Annex +tfr_", r"one unit missing: \S+ +cnt_", r"a report with charts +\d+ units +file:",
    r"covers uploaded and resized: 12 +pic_", r"webhooks received and verified: \d+ +whe_",
)  # fmt: skip


def test_the_demo_shows_a_day_with_a_declined_card_and_a_sold_out_product(tmp_path: Path) -> None:
    done = shop(tmp_path, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^ \d{6} .* confirmed ", done.stdout, re.MULTILINE)) == 26
    assert len(re.findall(r"cancelled .* payment_declined, undo reserve", done.stdout)) == 1
    assert len(re.findall(r"cancelled .* insufficient_stock", done.stdout)) == 1
    assert [part for part in DAY if not re.search(part, done.stdout)] == []
    assert re.search(r"BOOK-LAST-COPY +1 +1 → 6 +0 → 1 +1 → 5", done.stdout)
    assert len(re.findall(r"@example.com +Your order \d+ is confirmed", done.stdout)) == 28
    assert len(re.findall(r"@example.com +Your order \d+ was cancelled", done.stdout)) == 3
    assert "BROKEN" not in done.stdout
    assert "All checks passed" in done.stdout
    folder = re.search(r"in a temporary folder, (\S+)", done.stdout)
    assert folder
    assert not Path(folder[1]).exists()


INVOICES = """
536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,WHITE METAL LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom
536365,85123a,white hanging heart,2,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536366,71053,WHITE METAL LANTERN (NEW),10,2010-12-01 08:28:00,3.75,17850.0,United Kingdom
C536367,71053,WHITE METAL LANTERN,-6,2010-12-01 08:30:00,3.39,17850.0,United Kingdom
536368,71053,WHITE METAL LANTERN,74215,2010-12-01 08:34:00,1.04,12346.0,EIRE
536368,POST,POSTAGE,1,2010-12-01 08:34:00,18.0,12346.0,EIRE
536369,71053,WHITE METAL LANTERN,3,2010-12-01 08:35:00,3.39,,United Kingdom
536370,22423,"CAKESTAND, £12.75",1,2010-12-01 08:45:00,12.75,12583.0,France
536370,22423,"CAKESTAND, £12.75",1,2010-12-01 08:45:00,10.95,12583.0,France
536370,21756,BATH BUILDING BLOCK,many,2010-12-01 08:45:00,5.95,12583.0,France
536371,22423,CAKESTAND,2,2010-12-01 09:00:00,10.95,13748.0,France
536372,71053,WHITE METAL LANTERN,1,2010-12-01 09:01:00,0.0,17850.0,United Kingdom
536373,71053,WHITE METAL LANTERN,4,2010-12-01 09:02:00,3.39,17850.0,United Kingdom
C536374,22423,CAKESTAND,-2,2010-12-01 09:30:00,10.95,13748.0,France
C536375,71053,WHITE METAL LANTERN,-2,2010-12-01 09:40:00,3.39,17850.0,United Kingdom
C536375,85123A,WHITE HANGING HEART,-8,2010-12-01 09:40:00,2.55,17850.0,United Kingdom
C536375,D,DISCOUNT,-1,2010-12-01 09:40:00,27.5,17850.0,United Kingdom
C536376,71053,WHITE METAL LANTERN,-2,2010-12-01 09:50:00,3.39,17850.0,United Kingdom
C536377,21756,BATH BUILDING BLOCK,-1,2010-12-01 09:55:00,5.95,12583.0,France
"""
DUE = {
    "536365": 8 * 255 + 6 * 339, "536366": 10 * 375, "536368": 74215 * 104, "536370": 1275, "536371": 2 * 1095,
    "536373": 4 * 339,
}  # fmt: skip
TAKEN_BACK = {
    ("C536367", "536365"): ("refunded", 6 * 339), ("C536374", "536371"): ("cancelled", 2 * 1095),
    ("C536375", "536373"): ("refunded", 2 * 339), ("C536375", "536365"): ("refunded", 8 * 255),
    ("C536376", "536373"): ("refunded", 2 * 339),
}  # fmt: skip
"""Cancellation and invoice → what became of the order or the return, and the amount in pence."""
SKIPPED = {
    "not a product (postage, fees, corrections)": 1, "no customer": 1,
    "second price of a product in one invoice": 1, "unreadable row": 1, "price not positive": 1,
}  # fmt: skip


def test_invoices_are_replayed_with_their_own_prices_and_never_twice(tmp_path: Path) -> None:
    file = tmp_path / "retail.csv"
    file.write_text(",".join(COLUMNS) + INVOICES)
    done = shop(tmp_path, "demo", "--replay", str(file), "--keep")
    folder = re.search(r"in a temporary folder, (\S+)", done.stdout)
    assert folder
    var = Path(folder[1])
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        for reason, lines in SKIPPED.items():
            assert re.search(rf"{re.escape(reason)} +│ +{lines} │", done.stdout), reason
        assert re.search(r"│ no earlier purchase in the file +│ +1 │ +5\.95 │", done.stdout)
        assert re.search(r"│ cancelled or returned, GBP +│ +76\.20 │ +76\.20 │", done.stdout)
        first = orders(var)
        assert {invoice: total for invoice, (_, total) in first.items()} == DUE
        assert taken_back(var) == TAKEN_BACK

        shutil.rmtree(var / "replay")
        again = shop(var, "replay", str(file))
        assert again.returncode == 0, again.stdout + again.stderr
        assert orders(var) == first
        assert taken_back(var) == TAKEN_BACK
        figures = {found["name"]: found["figures"] for found in json.loads(shop(var, "audit", "--json").stdout)}
        assert figures["every order has ended or is in progress"]["confirmed"] == len(DUE) - 1
        refunded = sum(amount for how, amount in TAKEN_BACK.values() if how == "refunded")
        assert figures["what was refunded is credited"]["refunded"] == refunded
    finally:
        shop(var, "down")
        shutil.rmtree(var)


def orders(var: Path) -> dict[str, tuple[str | None, int | None]]:
    """The orders in the journal: invoice → id and total."""
    journal = Journal(var / "replay" / "journal.sqlite")
    found = {entry.invoice: (entry.order_id, entry.total) for entry in journal.entries()}
    journal.close()
    return found


def taken_back(var: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """What was taken back, by the journal: cancellation and invoice → status and amount."""
    journal = Journal(var / "replay" / "journal.sqlite")
    found = {(part.cancellation, part.invoice): (part.status, part.amount) for part in journal.taken_back()}
    journal.close()
    return found
