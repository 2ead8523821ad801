"""The label of a parcel as a PDF: one page of 4 by 6 inches, as label printers take it."""

from typing import Any

from fpdf import FPDF

from sandbox.carrier.rates import KG_PER_OUNCE

SIZE = (101.6, 152.4)  # millimetres: 4 by 6 inches
MARGIN = 6.0


def pdf(shipment: dict[str, Any]) -> bytes:
    """The label of a bought shipment: both addresses, service, tracking code with barcode, weight and reference."""
    page = FPDF(unit="mm", format=SIZE)
    page.set_auto_page_break(False)
    page.set_margin(MARGIN)
    page.add_page()
    rate = shipment["selected_rate"]
    _lines(page, 16, [f"{rate['carrier']} {rate['service']}"])
    _lines(page, 8, ["From", *_address(shipment["from_address"])])
    _lines(page, 12, ["To", *_address(shipment["to_address"])])
    kilograms = shipment["parcel"]["weight"] * KG_PER_OUNCE
    _lines(page, 10, [f"Weight: {kilograms:.3f} kg", f"Reference: {shipment['reference'] or '-'}"])
    page.code39(f"*{shipment['tracking_code']}*", x=MARGIN, y=SIZE[1] - 34, w=1.0, h=16)
    page.set_y(SIZE[1] - 16)
    _lines(page, 12, [shipment["tracking_code"], "SANDBOX - not a real label"])
    return bytes(page.output())


def _lines(page: FPDF, points: int, lines: list[str]) -> None:
    for line in lines:
        # The fonts that every reader of PDF has know Latin-1 only.
        text = line.encode("latin-1", "replace").decode("latin-1")
        page.set_font("Helvetica", size=points)
        # A line that is too long is set in smaller letters.
        page.set_font_size(points * min(1.0, page.epw / max(1.0, page.get_string_width(text) + 3)))
        page.cell(w=0, h=points * 0.45, text=text, new_x="LMARGIN", new_y="NEXT")
    page.ln(3)


def _address(address: dict[str, Any]) -> list[str]:
    town = " ".join(filter(None, (address["zip"], address["city"], address["state"])))
    lines = [address["name"], address["company"], address["street1"], address["street2"], town, address["country"]]
    return [line for line in lines if line]
