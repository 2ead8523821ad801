"""Products as JSON, built by PostgreSQL: what is selected, and what is joined to `catalogue.product` for it."""

_GROUP = """CASE WHEN group_id IS NOT NULL THEN json_build_object(
            'id', 'grp_' || translate(group_id::text, '-', ''), 'handle', handle, 'title', product_group.title,
            'options', {options}{more}) END"""
_OPTIONS = """(
            SELECT json_object_agg(product_group.options -> (place - 1)::integer ->> 'name', value ORDER BY place)
            FROM unnest({of}.option_values) WITH ORDINALITY AS chosen (value, place))"""
MEMBERS = f"""
            SELECT coalesce(json_agg(json_build_object(
                'id', 'prd_' || translate(sibling.id::text, '-', ''), 'sku', sibling.sku, 'title', sibling.title,
                'options', {_OPTIONS.format(of="sibling")},
                'price', json_build_object('amount', sibling.price_amount, 'currency', sibling.currency),
                'in_stock', EXISTS (
                    SELECT FROM inventory.stock
                    JOIN inventory.warehouse ON warehouse.id = stock.warehouse_id AND status = 'active'
                    WHERE stock.product_id = sibling.id AND sellable
                )
            ) ORDER BY sibling.id), '[]') AS members
            FROM catalogue.product AS sibling
            WHERE sibling.group_id = product_group.id"""  # noqa: S608, constants only
_SIBLINGS = f", 'siblings', ({MEMBERS} AND sibling.id <> product.id)"
_SUMMARY = """, 'products', products, 'price_from', json_build_object('amount', lowest, 'currency', currency),
            'price_to', json_build_object('amount', highest, 'currency', currency)"""
_PICTURES = """(
            SELECT coalesce(json_agg(json_build_object(
                'id', 'pic_' || translate(shown.id::text, '-', ''), 'alt', shown.alt, 'width', shown.width,
                'height', shown.height, 'sources', shown.sources
            ) ORDER BY shown.position, shown.id), '[]')
            FROM {shown})"""
_ALL_PICTURES = _PICTURES.format(
    shown="pictures.picture AS shown WHERE shown.product_id = product.id AND shown.status = 'ready'"
)
_FIRST_PICTURE = _PICTURES.format(
    shown="""(
                SELECT * FROM pictures.picture WHERE picture.product_id = product.id AND picture.status = 'ready'
                ORDER BY position, id LIMIT 1
            ) AS shown"""
)
"""Of each product in a list: with all of them, a page could have thousands."""
_TEMPLATE = """
    json_build_object(
        'id', 'prd_' || translate(product.id::text, '-', ''), 'sku', sku, 'kind', product.kind, 'title', product.title,
        'description', description, 'price', json_build_object('amount', product.price_amount, 'currency', currency),
        'category', json_build_object('id', 'cat_' || translate(category.id::text, '-', ''), 'name', category.name),
        'author', CASE WHEN author.id IS NOT NULL THEN json_build_object(
            'id', 'aut_' || translate(author.id::text, '-', ''), 'name', author.name) END,
        'attributes', attributes, 'group', {group},
        'availability', json_build_object('available', pieces, 'in_stock', pieces > 0), 'pictures', {pictures},
        'created_at', to_char(product.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(product.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )::text
"""  # connections are in UTC
_IN_GROUP = _GROUP.format(options=_OPTIONS.format(of="product"), more="{more}")
JSON = _TEMPLATE.format(group=_IN_GROUP.format(more=""), pictures=_FIRST_PICTURE)
JSON_OF_ONE = _TEMPLATE.format(group=_IN_GROUP.format(more=_SIBLINGS), pictures=_ALL_PICTURES)
JSON_OF_GROUPS = _TEMPLATE.format(group=_IN_GROUP.format(more=_SUMMARY), pictures=_FIRST_PICTURE)
JOINED = """
    JOIN catalogue.category ON category.id = product.category_id
    LEFT JOIN catalogue.author ON author.id = product.author_id
    LEFT JOIN catalogue.product_group ON product_group.id = product.group_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(on_hand - reserved), 0)::bigint AS pieces
        FROM inventory.stock JOIN inventory.warehouse ON warehouse.id = stock.warehouse_id AND status = 'active'
        WHERE stock.product_id = product.id
    ) AS available
"""
JOINED_TO_GROUPS = f"""{JOINED}
    CROSS JOIN LATERAL (
        SELECT count(*) AS products, min(price_amount) AS lowest, max(price_amount) AS highest
        FROM catalogue.product AS sibling WHERE sibling.group_id = product.group_id
    ) AS summary
"""  # noqa: S608, constants only
