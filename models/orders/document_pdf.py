"""An invoice or a credit note as a PDF file on A4, over as many pages as its lines need."""

from collections.abc import Sequence
from importlib.resources import files
from unicodedata import normalize

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace, TTFFont

from models.orders.documents import Document, facts_of, money
from settings import settings

FONT = "Source Sans Pro"
"""Has the letters of the Latin, Greek and Cyrillic scripts. The setting `pdf_fonts` adds fonts for others."""
STANDARD = "Helvetica"
"""Has the letters of Western Europe. Every reader has it, so that a file is smaller and made ten times faster."""
WIDEST = 1.02  # times the font size: the widest letter of Helvetica
FILES = {"": "SourceSansPro-Regular.ttf", "B": "SourceSansPro-Bold.ttf"}
MARGIN, BOTTOM = 18, 20  # mm
COLUMNS = {"SKU": 30, "Title": 70, "Quantity": 18, "Price": 28, "Total": 28}  # mm; together the width of the page
ALIGNMENTS = ("LEFT", "LEFT", "RIGHT", "RIGHT", "RIGHT")
PADDING = 1  # mm, at the left and the right of a text
FEW = 20  # rows that certainly fit on the first page
GREY, RULE = (90, 100, 114), (190, 197, 206)
PAGES = "{pages}"


class Paper(FPDF):
    """A page of a document, with its name and number at the foot."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self.name = f"{document.title} {document.number}"
        self.family, self.known = STANDARD, set(range(256))
        if not _is_latin_1(document):
            self._embed_fonts()
        self.set_margins(MARGIN, MARGIN)
        self.c_margin = PADDING
        self.set_auto_page_break(True, BOTTOM)
        self.set_title(self.name)
        self.set_author(document.seller.name)
        self.set_lang("en")
        self.set_creation_date(document.issued_at)

    def _embed_fonts(self) -> None:
        self.family = FONT
        for style, name in FILES.items():
            self.add_font(FONT, style, str(files("font_source_sans_pro") / "files" / name))
        further = list(filter(None, settings.pdf_fonts.split(",")))
        for path in further:
            self.add_font(fname=path.strip(), family=path)
        self.set_fallback_fonts(further, exact_match=False)
        fonts = [font for font in self.fonts.values() if isinstance(font, TTFFont)]
        self.known = {ord("\n")}.union(*(font.cmap for font in fonts))

    def normalize_text(self, text: str) -> str:
        """Called by FPDF for every text: replaces characters that no font has by similar ones, or by `?`."""
        if self.family == STANDARD and text.isascii():
            return super().normalize_text(text)
        return super().normalize_text("".join(map(self._shown, normalize("NFC", text))))

    def _shown(self, character: str) -> str:
        if ord(character) in self.known:
            return character
        similar = normalize("NFKC", character).replace("\N{HYPHEN}", "-")
        return similar if self.known.issuperset(map(ord, similar)) else "?"

    def header(self) -> None:
        """Called by FPDF at the start of each page. The number of pages is only at the foot; titles are any text."""
        self.alias_nb_pages("")

    def footer(self) -> None:
        """Called by FPDF at the end of each page."""
        self.alias_nb_pages(PAGES)
        self.set_y(-BOTTOM + 5)
        self.set_font(self.family, "", 9)
        self.set_text_color(*GREY)
        self.cell(text=f"{self.name} · page {self.page_no()} of {PAGES}")
        self.set_text_color(0)

    def write_block(self, lines: list[str], style: str = "", size: float = 10) -> None:
        """Writes lines below each other; long ones wrap."""
        self.set_font(self.family, style, size)
        for line in lines:
            self.write_line(line, size * 0.5)

    def write_line(self, text: str, height: float) -> None:
        """Writes text from here to the right margin, and moves to the start of the next line. A long text wraps."""
        width = self.w - self.r_margin - self.x
        if self.fits(text, width):
            self.write_cell(text, width, height)
            self.ln(height)
        else:
            self.multi_cell(0, height, text, align="L", new_x="LMARGIN", new_y="NEXT")

    def write_cell(self, text: str, width: float, height: float, align: str = "L") -> None:
        """Writes a text that fits into one line, and moves to the right of it. FPDF's cell, which can also change
        fonts within a text, takes four times as long."""
        if self.family != STANDARD or self.will_page_break(height):
            self.cell(width, height, text, align=align)
            return
        room = width - 2 * self.c_margin - self.get_string_width(text) if align == "R" else 0
        self.text(self.x + self.c_margin + room, self.y + 0.5 * height + 0.3 * self.font_size, text)
        self.x += width

    def fits(self, text: str, width: float) -> bool:
        """Whether a text fits into one line of this width. A short one need not be measured."""
        room = width - 2 * self.c_margin
        is_short = self.family == STANDARD and len(text) * WIDEST * self.font_size < room
        return "\n" not in text and (is_short or self.get_string_width(text) < room)


def _is_latin_1(document: Document) -> bool:
    try:
        repr(document).encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def write(document: Document) -> bytes:
    """The file. Titles and names wrap, amounts are aligned at the right."""
    paper = Paper(document)
    paper.add_page()
    _write_head(paper, document)
    if document.lines:
        _write_lines(paper, document)
    paper.ln(3)
    paper.set_font(paper.family, "B", 12)
    paper.cell(60, 8, "Total")
    paper.cell(0, 8, money(document.total, document.currency), align="R")
    return bytes(paper.output())


def _write_head(paper: Paper, document: Document) -> None:
    seller = document.seller
    paper.write_block([seller.name], "B", 11)
    paper.write_block(list(filter(None, [seller.address, seller.tax_id and f"Tax number {seller.tax_id}"])))
    paper.ln(8)
    paper.write_block([paper.name], "B", 18)
    paper.ln(4)
    paper.write_block(["Customer"], "B")
    paper.write_block(list(filter(None, [document.customer_name, *document.address_lines])))
    paper.ln(4)
    for name, value in facts_of(document):
        paper.set_text_color(*GREY)
        paper.set_font(paper.family, "", 10)
        paper.write_cell(name, 25, 5)
        paper.set_text_color(0)
        paper.write_line(value, 5)
    paper.ln(5)


def _write_lines(paper: Paper, document: Document) -> None:
    paper.set_font(paper.family, "", 10)
    paper.set_draw_color(*RULE)
    rows = [
        (line.sku, line.title, str(line.quantity),
         *(money(amount, document.currency) for amount in (line.unit_price, line.line_total)))
        for line in document.lines
    ]  # fmt: skip
    if len(rows) <= FEW and all(all(map(paper.fits, row, COLUMNS.values())) for row in rows):
        _write_short_rows(paper, rows)
    else:
        _write_table(paper, rows)


def _write_short_rows(paper: Paper, rows: Sequence[Sequence[str]]) -> None:
    """Rows of one line each, all on this page: FPDF's table, which can wrap and repeat its heading, takes many times as
    long, and most orders are short."""
    for number, row in enumerate([tuple(COLUMNS), *rows]):
        paper.set_font(paper.family, "" if number else "B", 10)
        for align, text, width in zip(ALIGNMENTS, row, COLUMNS.values(), strict=True):
            paper.write_cell(text, width, 5 + 2 * PADDING, align[0])
        paper.ln(5 + 2 * PADDING)
        paper.line(paper.l_margin, paper.y, paper.w - paper.r_margin, paper.y)


def _write_table(paper: Paper, rows: Sequence[Sequence[str]]) -> None:
    with paper.table(
        width=sum(COLUMNS.values()),
        col_widths=tuple(COLUMNS.values()),
        text_align=ALIGNMENTS,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD"),
        line_height=5,
        v_align="TOP",
        padding=(PADDING, PADDING),
    ) as table:
        table.row(tuple(COLUMNS))
        for row in rows:
            table.row(row)
