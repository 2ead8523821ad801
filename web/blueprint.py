"""The blueprints of pages, one for each face: the shop, the desk of its staff, and the console of operators.

Their views declare an access rule (`web/access.py`), and every form is checked (`web/csrf.py`).
"""

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint

from web import csrf

View = TypeVar("View", bound=Callable[..., object])

shop = Blueprint("shop", __name__, template_folder="templates")
desk = Blueprint("desk", __name__, template_folder="templates", url_prefix="/desk")
ops = Blueprint("ops", __name__, template_folder="templates", url_prefix="/ops")
FACES = (shop.name, desk.name, ops.name)

for face in (shop, desk, ops):
    face.before_request(csrf.check)


def takes_form(view: View) -> View:
    """Marks a view that reads a form."""
    vars(view)["takes_form"] = True
    return view
