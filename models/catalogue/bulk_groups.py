"""Product groups of imported rows: found or created by their handle, a batch at a time."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.catalogue.group_input import Grouping, add_values, choose, folded
from models.catalogue.groups import GroupFull, OptionsInUse, options_taken
from models.catalogue.tables import Product, ProductGroup
from models.core import event_log
from models.core.events import ProductChanged
from settings import settings

_PUT = """
    UPDATE catalogue.product SET group_id = given.group_id, updated_at = now(),
        option_values = ARRAY(
            SELECT value FROM jsonb_array_elements_text(given.values) WITH ORDINALITY ORDER BY ordinality
        )
    FROM unnest(%(ids)s::uuid[], %(groups)s::uuid[], %(values)s::jsonb[]) AS given (id, group_id, values)
    WHERE product.id = given.id RETURNING product.id, product.sku
"""


def find_or_create_groups(session: Session, groupings: Iterable[Grouping]) -> dict[str, ProductGroup]:
    """Handle → group, locked; missing groups are created. At most three statements.

    To be called before products are locked, as everywhere. Groups are locked in the order of their handles, so that
    concurrent imports cannot deadlock.
    """
    first = {grouping.handle: grouping for grouping in groupings}
    if not first:
        return {}
    query = select(ProductGroup).where(ProductGroup.handle.in_(first)).order_by(ProductGroup.handle)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalars(query).all()
    if len(found) < len(first):
        rows = [
            {"id": new_id("grp"), "handle": handle, "title": grouping.title, "options": _without_values(grouping)}
            for handle, grouping in sorted(first.items())
        ]
        session.execute(insert(ProductGroup).values(rows).on_conflict_do_nothing(index_elements=["handle"]))
        found = session.scalars(query).all()
    return {group.handle: group for group in found}


def group_products(
    session: Session, groups: Mapping[str, ProductGroup], wanted: Mapping[str, Grouping], announced: Iterable[str]
) -> set[str]:
    """Puts products into locked groups: product id → group. A product of another group is moved.

    Idempotent. Returns the ids of products that were changed; emits `product.changed` for those not yet `announced`.
    Raises Conflict: `options_taken`, `options_in_use` if the group has other options, `group_full`,
    `too_many_option_values`.
    """
    if not wanted:
        return set()
    among = or_(Product.group_id.in_([group.id for group in groups.values()]), Product.id.in_(wanted))
    before = {
        product_id: (group_id, values)
        for product_id, group_id, values in session.execute(
            select(Product.id, Product.group_id, Product.option_values).where(among)
        )
    }
    members: dict[str, dict[str, list[str]]] = {group.id: {} for group in groups.values()}
    for product_id, (group_id, values) in before.items():
        if product_id not in wanted and group_id in members and values is not None:
            members[group_id][product_id] = values
    for product_id, grouping in wanted.items():
        group = groups[grouping.handle]
        _adopt(session, group, grouping, members[group.id])
        values = choose(group.options, grouping.options)
        group.options = add_values(group.options, [values])
        members[group.id][product_id] = values
    _check(members)
    session.flush()
    after = {
        product_id: (group_id, values) for group_id, found in members.items() for product_id, values in found.items()
    }
    changed = {product_id: after[product_id] for product_id in wanted if after[product_id] != before[product_id]}
    for group in groups.values():
        if any(group_id == group.id for group_id, _ in changed.values()):
            group.updated_at = datetime.now(UTC)
    _write(session, changed, {product_id for product_id in changed if before[product_id][0] is not None}, announced)
    return set(changed)


def _adopt(session: Session, group: ProductGroup, grouping: Grouping, members: Mapping[str, list[str]]) -> None:
    """Gives the group the title and the options of the file. Options are changed only while it has no products."""
    if group.title != grouping.title:
        group.title = grouping.title
        session.execute(update(Product).where(Product.group_id == group.id).values(updated_at=func.clock_timestamp()))
    if [folded(option["name"]) for option in group.options] != [folded(name) for name in grouping.options]:
        if members:
            names = ", ".join(option["name"] for option in group.options)
            raise OptionsInUse(f"The product group {group.handle} has products with the options {names}.")
        group.options = _without_values(grouping)


def _check(members: Mapping[str, Mapping[str, list[str]]]) -> None:
    for found in members.values():
        for values, times in Counter(tuple(values) for values in found.values()).items():
            if times > 1:
                raise options_taken(values)
        if len(found) > settings.group_products:
            detail = f"A product group has at most {settings.group_products} products."
            raise GroupFull(detail, limit=settings.group_products)


def _write(
    session: Session, changed: Mapping[str, tuple[str, list[str]]], moved: set[str], announced: Iterable[str]
) -> None:
    if not changed:
        return
    if moved:  # out of their places first: two of them may swap
        session.execute(update(Product).where(Product.id.in_(moved)).values(group_id=None, option_values=None))
    values = {
        "ids": [UUID(product_id[4:]) for product_id in changed],
        "groups": [UUID(group_id[4:]) for group_id, _ in changed.values()],
        "values": [json.dumps(values) for _, values in changed.values()],
    }
    rows = session.connection().exec_driver_sql(_PUT, values).all()
    known = set(announced)
    event_log.emit_all(session, [
        ProductChanged(product_id=f"prd_{row.id.hex}", sku=row.sku, change="updated")
        for row in rows if f"prd_{row.id.hex}" not in known
    ])  # fmt: skip


def _without_values(grouping: Grouping) -> list[dict[str, object]]:
    return [{"name": name, "values": []} for name in grouping.options]
