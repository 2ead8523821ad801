"""The switch of the language."""

from flask import Response, request

from web import access, cookies
from web.blueprint import shop, takes_form
from web.language import COOKIE, LANGUAGES
from web.pages import is_safe_path, lead


@shop.post("/language")
@takes_form
@access.everybody
def choose_language() -> Response:
    """Keeps the language in a cookie, for a year, and shows the page again."""
    back = request.form.get("next", "")
    response = lead(back if is_safe_path(back) else "/")
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        cookies.write(response, COOKIE, chosen, cookies.YEAR)
    return response
