"""The blueprints of pages, one for each face: the shop, the desk of its staff, and the console of operators.

Their views declare an access rule (`web/access.py`), and every form is checked (`web/csrf.py`).
"""

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint

from api.http.request_hooks import MAX_BODY
from web import access, csrf

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


def takes_files(most: int) -> Callable[[View], View]:
    """Marks a view that reads a form with files: `most` bytes from staff, and no more than any form from others.

    The form is read before the access rule of the view is asked, because its token is in it.
    """

    def most_bytes() -> int:
        principal = access.find_principal()
        return most if principal is not None and principal.permissions else MAX_BODY

    def mark(view: View) -> View:
        vars(view)["most_bytes"] = most_bytes
        return takes_form(view)

    return mark
