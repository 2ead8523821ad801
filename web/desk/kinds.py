"""Kinds of products, and the attributes that their products may have."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flask import Response, url_for
from sqlalchemy.orm import Session

from api.catalogue.kind_schemas import NewProductKind, ProductKindChanges
from models import catalogue, inventory
from models.catalogue import Kind
from models.core.database import transaction
from models.core.errors import Invalid
from web import access
from web.blueprint import desk, takes_form
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text
from web.desk.versions import check_version, version_of
from web.language import gettext

KIND = "/kinds/<name>"
NEW = "/kinds"
SECTION = "desk.kinds_page"
LINE = re.compile(r"([^\s:]+)\s*:\s*([a-z_]+)(?:\s*\((.*)\))?")
RANGE = re.compile(r"(-?[0-9]{0,13})\s*\.\.\s*(-?[0-9]{0,13})")


@desk.get(NEW)
@access.allowed("products:write")
def kinds_page() -> Response:
    """The kinds by name, and the form for a new one."""
    return _show_all(read_outcome())


@desk.post(NEW)
@takes_form
@access.allowed("products:write")
def create_kind() -> Response:
    """Creates a kind."""

    def work(session: Session) -> str:
        body: Any = load(NewProductKind(), name=text("name"), **_fields())
        made = catalogue.create_kind(session, body)
        return url_for("desk.kind_page", name=made.name, done="kind_created")

    return send(work, _show_all)


@desk.get(KIND)
@access.allowed("products:write")
def kind_page(name: str) -> Response:
    """A kind and its attributes."""
    return _show(name, read_outcome())


@desk.post(KIND)
@takes_form
@access.allowed("products:write")
def save_kind(name: str) -> Response:
    """Saves title and attributes, unless somebody else has changed them since the page was opened."""

    def work(session: Session, kind: Kind) -> str:
        catalogue.update_kind(session, kind, {"attributes": [], **load(ProductKindChanges(), **_fields())})
        return url_for("desk.kind_page", name=name, done="kind_saved")

    return _act(name, work)


@desk.post(f"{KIND}/delete")
@takes_form
@access.allowed("products:write")
def delete_kind(name: str) -> Response:
    """Deletes a kind that no product has."""

    def work(session: Session, kind: Kind) -> str:
        catalogue.delete_kind(session, kind)
        inventory.forget_kind(session, name)
        return url_for(SECTION, done="kind_deleted")

    return _act(name, work)


def _act(name: str, work: Callable[[Session, Kind], str]) -> Response:
    def address(session: Session) -> str:
        kind = catalogue.get_kind(session, name, lock=True)
        check_version(*_edited(kind))
        return work(session, kind)

    return send(address, lambda outcome, status: _show(name, outcome, status))


def _fields() -> dict[str, Any]:
    return {"title": text("title"), "attributes": list(_read_attributes(text("attributes")))}


def _read_attributes(shown: str) -> Iterator[dict[str, Any]]:
    """`pages: integer (1..5000)`, `size: text (S | M)`, one a line. Raises Invalid."""
    for line in filter(None, map(str.strip, shown.splitlines())):
        found = LINE.fullmatch(line)
        if found is None:
            raise Invalid(gettext("Write each attribute as “pages: integer (1..5000)” or “size: text (S | M | L)”."))
        name, kind, about = found.groups()
        attribute: dict[str, Any] = {"name": name, "type": kind}
        bounds = RANGE.fullmatch((about or "").strip())
        if bounds and kind != "text":
            ends = zip(("minimum", "maximum"), bounds.groups(), strict=True)
            attribute |= {end: int(value) for end, value in ends if value.lstrip("-")}
        elif about:
            attribute["values"] = [value for each in about.split("|") if (value := each.strip())]
        yield attribute


def _write_attributes(attributes: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(map(_write, attributes))


def _write(attribute: Mapping[str, Any]) -> str:
    low, high = attribute.get("minimum"), attribute.get("maximum")
    about = " | ".join(attribute.get("values") or ())
    if (low, high) != (None, None):
        about = f"{'' if low is None else low}..{'' if high is None else high}"
    return f"{attribute['name']}: {attribute['type']}" + (f" ({about})" if about else "")


def _edited(kind: Kind) -> tuple[object, ...]:
    return kind.title, _write_attributes(kind.attributes)


def _show_all(outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        kinds = session.scalars(catalogue.select_kinds().order_by(Kind.name)).all()
    return show("kinds.html", status, section=SECTION, kinds=kinds, outcome=outcome, write=_write_attributes, shown={},
                types=sorted(catalogue.TYPES))  # fmt: skip


def _show(name: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        kind = catalogue.get_kind(session, name)
    shown = {"title": kind.title, "attributes": _write_attributes(kind.attributes)}
    return show("kind.html", status, section=SECTION, kind=kind, outcome=outcome, shown=shown,
                version=version_of(*_edited(kind)), types=sorted(catalogue.TYPES))  # fmt: skip
