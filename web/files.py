"""Files that pages hand out."""

from collections.abc import Iterable

from flask import Response


def csv_file(rows: Iterable[str] | Iterable[bytes], name: str) -> Response:
    """A CSV file to save, with a header. It is sent as it is read."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(rows, headers=headers, content_type="text/csv; charset=utf-8; header=present")


def pdf_file(content: bytes, name: str, *, is_shown: bool) -> Response:
    """A PDF file. `is_shown`: in the browser, from which it is printed; otherwise it is saved."""
    place = "inline" if is_shown else "attachment"
    headers = {"Content-Disposition": f'{place}; filename="{name}"'}
    return Response(content, headers=headers, content_type="application/pdf")
