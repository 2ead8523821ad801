"""The blueprint of the inventory views."""

from flask_smorest import Blueprint

from api.http.etags import not_modified

blueprint = Blueprint(
    "inventory",
    __name__,
    url_prefix="/v1",
    description="Warehouses, stock, purchase orders, transfers and counts",
)
blueprint.after_request(not_modified)
