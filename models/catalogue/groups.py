"""Product groups: products that differ by options only. The lock of a group guards what is in it."""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.catalogue.group_input import MAX_HANDLE, GroupInput, add_values, choose, folded, validate_group
from models.catalogue.products import get_product
from models.catalogue.tables import Product, ProductGroup
from models.core import event_log
from models.core.errors import Conflict, NotFound
from models.core.events import ProductChanged
from models.core.quotas import check_quota
from settings import settings

Membership = tuple[str, Mapping[str, str]]
"""A product's id, and its value of each option by the option's name."""


class HandleTaken(Conflict):
    code = "handle_taken"


class OptionsTaken(Conflict):
    code = "options_taken"


class OptionsInUse(Conflict):
    code = "options_in_use"


class InOtherGroup(Conflict):
    code = "in_other_group"


class GroupFull(Conflict):
    code = "group_full"


def select_groups(handle: str | None = None) -> Select[ProductGroup]:
    """The query for all groups, or for the one with this handle. The caller orders it."""
    query = select(ProductGroup)
    return query if handle is None else query.where(ProductGroup.handle == handle)


def get_group(session: Session, group_id: str, *, lock: bool = False) -> ProductGroup:
    """Returns a group, with `lock` locked for update. Raises NotFound."""
    query = select(ProductGroup).where(ProductGroup.id == group_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    group = session.scalars(query).one_or_none()
    if group is None:
        raise NotFound("No such product group.")
    return group


def create_group(session: Session, fields: Mapping[str, Any], products: Sequence[Membership] = ()) -> ProductGroup:
    """Creates a group from the fields of `GroupInput`, with these products.

    Raises Invalid, NotFound for a product, and Conflict: `handle_taken`, and as `put_into_group`.
    """
    draft = validate_group(fields)
    group = ProductGroup(
        id=new_id("grp"), title=draft.title, handle=draft.handle or _free_handle(session, draft.title),
        options=_plain(draft),
    )  # fmt: skip
    session.add(group)
    _flush(session, group.handle)
    for product_id, options in sorted(products):
        put_into_group(session, group, product_id, options)
    return group


def update_group(session: Session, group: ProductGroup, changes: Mapping[str, Any]) -> ProductGroup:
    """Updates `title`, `handle` and `options` of a locked group, if given. Its products count as changed.

    Options are renamed by their place. While the group has products, there must remain as many options, in the same
    order, and the values that products have. Raises Invalid, and Conflict: `handle_taken`, `options_in_use` with
    `values`, `too_many_option_values`.
    """
    old = {"title": group.title, "handle": group.handle, "options": group.options}
    draft = validate_group({**old, **changes})
    options = _plain(draft)
    if options != group.options:
        _check_in_use(group.options, options, _members(session, [group.id]))
    group.title, group.handle, group.options = draft.title, draft.handle or group.handle, options
    group.updated_at = datetime.now(UTC)
    _flush(session, group.handle)
    touch_members(session, group.id)
    return group


def touch_members(session: Session, group_id: str) -> None:
    """The products of a locked group count as changed. Locks them in the order in which imports lock products."""
    members = select(Product.id).where(Product.group_id == group_id).order_by(Product.sku)
    locked = members.with_for_update(key_share=True)
    session.execute(update(Product).where(Product.id.in_(locked)).values(updated_at=func.clock_timestamp()))


def delete_group(session: Session, group: ProductGroup) -> None:
    """Deletes a locked group. Its products are kept, and belong to none."""
    members = select(Product).where(Product.group_id == group.id).order_by(Product.sku)
    for product in session.scalars(members.with_for_update(of=Product, key_share=True)).all():
        _set(session, product, None, None)
    session.flush()  # before the row that they refer to
    session.delete(group)
    session.flush()


def put_into_group(session: Session, group: ProductGroup, product_id: str, options: Mapping[str, str]) -> Product:
    """Puts a product into a locked group, or changes its values there. Values that are new are added to the options.

    Raises NotFound, Invalid unless there is a value of each option, and Conflict: `options_taken` with `product_id`,
    `in_other_group` with `group_id`, `group_full`, `too_many_option_values`.
    """
    product = get_product(session, product_id, lock=True)
    if product.group_id not in (None, group.id):
        detail = f"{product.sku} belongs to another product group; remove it there first."
        raise InOtherGroup(detail, group_id=product.group_id)
    values = choose(group.options, options)
    if (product.group_id, product.option_values) == (group.id, values):
        return product
    others = select(Product.id).where(Product.group_id == group.id, Product.id != product.id)
    same = session.scalar(others.where(Product.option_values == values))
    if same is not None:
        raise options_taken(values, same)
    detail = f"A product group has at most {settings.group_products} products."
    check_quota(session, others, GroupFull(detail, limit=settings.group_products))
    group.options = add_values(group.options, [values])
    group.updated_at = datetime.now(UTC)
    _set(session, product, group.id, values)
    session.flush()
    return product


def remove_from_group(session: Session, group: ProductGroup, product_id: str) -> None:
    """Removes a product from a locked group. It is kept. Raises NotFound if it is not in the group."""
    product = get_product(session, product_id, lock=True)
    if product.group_id != group.id:
        raise NotFound("The product is not in this group.")
    group.updated_at = datetime.now(UTC)
    _set(session, product, None, None)
    session.flush()


def options_taken(values: Iterable[str], product_id: str | None = None) -> OptionsTaken:
    """The error for values that another product of the group has."""
    detail = f"Another product of the group has the options {' / '.join(values)}."
    return OptionsTaken(detail, **({} if product_id is None else {"product_id": product_id}))


def _set(session: Session, product: Product, group_id: str | None, values: list[str] | None) -> None:
    product.group_id, product.option_values = group_id, values
    product.updated_at = datetime.now(UTC)
    event_log.emit(session, ProductChanged(product_id=product.id, sku=product.sku, change="updated"))


def _members(session: Session, group_ids: Sequence[str]) -> list[list[str]]:
    return list(session.scalars(select(Product.option_values).where(Product.group_id.in_(group_ids))))


def _check_in_use(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], used: list[list[str]]) -> None:
    if not used:
        return
    names = [folded(option["name"]) for option in old]
    moved = len(new) != len(old) or any(
        folded(option["name"]) in names[:at] + names[at + 1 :] for at, option in enumerate(new)
    )
    if moved:
        raise OptionsInUse("While the group has products, options can only be renamed. Remove its products first.")
    missing = {
        option["name"]: lost[:20]
        for option, values in zip(new, zip(*used, strict=True), strict=True)
        if (lost := sorted({*values} - {*option["values"]}))
    }
    if missing:
        raise OptionsInUse("Products of the group have these values; the options must keep them.", values=missing)


def _plain(draft: GroupInput) -> list[dict[str, Any]]:
    return [{"name": option.name, "values": option.values} for option in draft.options]


def _free_handle(session: Session, title: str) -> str:
    """The words of the title with hyphens, and a random end if a group has this handle."""
    words = re.sub(r"[\W_]+", "-", title.casefold()).strip("-")[: MAX_HANDLE - 7] or "group"
    taken = session.scalar(select(ProductGroup.id).where(ProductGroup.handle == words))
    return words if taken is None else f"{words}-{secrets.token_hex(3)}"


def _flush(session: Session, handle: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        if "uq_product_group_handle" not in str(error.orig):
            raise
        raise HandleTaken(f"A product group with the handle {handle} already exists.") from error
