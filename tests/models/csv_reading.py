"""Reads a catalogue file as an import does, without a database."""

from models.imports import Refusal, Row, Rows, check_head, check_row, parse_rows


def read_file(content: bytes, kind: str | None = None) -> list[Row | Refusal]:
    """A product or a refusal for each row. Raises NotACatalogue and ImportTooLarge."""
    head = check_head(content, is_all=True)
    options = {"columns": head.columns, "kind": kind}
    found: list[Row | Refusal] = []
    for row in Rows([content[head.offset :]], offset=head.offset, line=head.line):
        if isinstance(row, Refusal):
            found.append(row)
        elif any(row[1]):
            refused = check_row(head.columns, *row)
            found += [refused] if refused else parse_rows(head.format, options, None, [row])
    return found
