"""Product groups: products that differ by options, such as size and colour."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flask import Response, url_for
from sqlalchemy.orm import Session

from api.catalogue.group_schemas import NewProductGroup, ProductGroupChanges, ProductOptions
from models import catalogue
from models.catalogue import ProductGroup, search
from models.core.database import transaction
from models.core.errors import Invalid
from serving.pages import PageQuery
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text
from web.desk.versions import check_version, version_of
from web.language import gettext

GROUP = '/groups/<id("grp"):group_id>'
NEW = "/groups/new"
SECTION = "desk.groups_page"


@desk.get("/groups")
@access.allowed("products:write")
def groups_page() -> Response:
    """The list of groups, newest first."""
    filters = read_filters(PageQuery())
    with transaction() as session:
        found = read_rows(session, filters, catalogue.select_groups, ProductGroup.id.desc())
    return show("groups.html", section=SECTION, groups=found["data"], cursor=found["next_cursor"], filters=filters,
                outcome=read_outcome())  # fmt: skip


@desk.get(NEW)
@access.allowed("products:write")
def new_group() -> Response:
    """The form for a new group."""
    return _show_new(Outcome())


@desk.post(NEW)
@takes_form
@access.allowed("products:write")
def create_group() -> Response:
    """Creates a group without products."""

    def work(session: Session) -> str:
        body: Any = load(NewProductGroup(), **_fields())
        made = catalogue.create_group(session, {name: body[name] for name in body if name != "products"})
        return url_for("desk.group_page", group_id=made.id, done="group_created")

    return send(work, _show_new)


@desk.get(GROUP)
@access.allowed("products:write")
def group_page(group_id: str) -> Response:
    """A group, its options and its products."""
    return _show(group_id, read_outcome())


@desk.post(GROUP)
@takes_form
@access.allowed("products:write")
def save_group(group_id: str) -> Response:
    """Saves title, handle and options, unless somebody else has changed them since the page was opened."""

    def work(session: Session, group: ProductGroup) -> None:
        check_version(*_edited(group))
        catalogue.update_group(session, group, load(ProductGroupChanges(), **_fields()))

    return _act(group_id, "group_saved", work)


@desk.post(f"{GROUP}/products")
@takes_form
@access.allowed("products:write")
def put_product(group_id: str) -> Response:
    """Puts a product into the group by its SKU, or changes its values there."""

    def work(session: Session, group: ProductGroup) -> None:
        found = catalogue.identify(session, skus=[text("sku")])
        if not found:
            raise Invalid(gettext("There is no product with the SKU %(sku)s.") % {"sku": text("sku")[:64]})
        values = {option["name"]: text(f"option-{n}") for n, option in enumerate(group.options)}
        body: Any = load(ProductOptions(), options={name: value for name, value in values.items() if value})
        catalogue.put_into_group(session, group, found[0].product_id, body.get("options", {}))

    return _act(group_id, "put_into_group", work)


@desk.post(f'{GROUP}/products/<id("prd"):product_id>/remove')
@takes_form
@access.allowed("products:write")
def remove_product(group_id: str, product_id: str) -> Response:
    """Takes a product out of the group. It is kept."""
    return _act(group_id, "taken_from_group", lambda session, group: catalogue.remove_from_group(
        session, group, product_id
    ))  # fmt: skip


@desk.post(f"{GROUP}/delete")
@takes_form
@access.allowed("products:write")
def delete_group(group_id: str) -> Response:
    """Deletes a group. Its products are kept."""

    def work(session: Session) -> str:
        group = catalogue.get_group(session, group_id, lock=True)
        check_version(*_edited(group))
        catalogue.delete_group(session, group)
        return url_for(SECTION, done="group_deleted")

    return send(work, lambda outcome, status: _show(group_id, outcome, status))


def _act(group_id: str, done: str, work: Callable[[Session, ProductGroup], object]) -> Response:
    def address(session: Session) -> str:
        work(session, catalogue.get_group(session, group_id, lock=True))
        return url_for("desk.group_page", group_id=group_id, done=done)

    return send(address, lambda outcome, status: _show(group_id, outcome, status))


def _fields() -> dict[str, Any]:
    return {"title": text("title"), "handle": text("handle"), "options": list(_read_options(text("options")))}


def _read_options(shown: str) -> Iterator[dict[str, Any]]:
    """`Size: S, M, L`, one a line. Raises Invalid."""
    for line in filter(None, map(str.strip, shown.splitlines())):
        name, colon, values = line.partition(":")
        if not colon or not name.strip():
            raise Invalid(gettext("Write each option as “Size: S, M, L”, one a line."))
        yield {"name": name.strip(), "values": [value for each in values.split(",") if (value := each.strip())]}


def _write_options(options: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(f"{option['name']}: {', '.join(option['values'])}" for option in options)


def _edited(group: ProductGroup) -> tuple[object, ...]:
    """What the form of a group edits."""
    return group.title, group.handle, _write_options(group.options)


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    return show("group.html", status, section=SECTION, group=None, outcome=outcome, shown={}, version="", members=[],
                most=catalogue.MAX_OPTIONS)  # fmt: skip


def _show(group_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        group = catalogue.get_group(session, group_id)
        members = search.read_members(session, group_id)
        shown = {"title": group.title, "handle": group.handle, "options": _write_options(group.options)}
    return show("group.html", status, section=SECTION, group=group, outcome=outcome, shown=shown, members=members,
                version=version_of(*_edited(group)), most=catalogue.MAX_OPTIONS)  # fmt: skip
