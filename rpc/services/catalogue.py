"""Products. PostgreSQL builds their JSON, whose members are the fields of the message."""

import json
from datetime import datetime
from typing import Any

from models.catalogue import search
from rpc.call import Call
from rpc.messages import validated
from rpc.rules import PUBLIC
from rpc.service import Service
from rpc.services.ids import known
from serving.catalogue import ProductQuery, parse_query, read_page
from shopflow.catalogue.v1 import catalogue_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["CatalogueService"])
QUERY = ProductQuery()


@service.call("GetProduct", PUBLIC)
def get_product(call: Call, request: pb.GetProductRequest) -> pb.GetProductResponse:
    found, _ = search.read_product(known("prd", request.product_id, "product"))
    return pb.GetProductResponse(product=_fields(found))


@service.call("SearchProducts", PUBLIC)
def search_products(call: Call, request: pb.SearchProductsRequest) -> pb.SearchProductsResponse:
    page = read_page(parse_query(validated(QUERY, request)))
    return pb.SearchProductsResponse(data=map(_fields, page.products), next_cursor=page.next_cursor)


def _fields(document: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(document)
    for name in ("created_at", "updated_at"):
        fields[name] = datetime.fromisoformat(fields[name])
    return fields
