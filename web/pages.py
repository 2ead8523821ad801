"""Pages: templates with what all of them show, headers, and error pages."""

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, render_template, request, url_for

from models.core.database import single_statements
from settings import settings
from web import access, assets, basket, csrf, language
from web.blueprint import FACES
from web.wording import describe_problem


def policy(**more: str) -> str:
    """The Content-Security-Policy of a page. `more`: directive, with an underscore → what else it allows."""
    allowed = {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "connect-src": "'self'", "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
        "worker-src": "'none'",
    }  # fmt: skip
    for name, sources in more.items():
        directive = name.replace("_", "-")
        before = allowed.get(directive, "'none'")
        allowed[directive] = sources if before == "'none'" else f"{before} {sources}"
    return "; ".join(f"{directive} {sources}" for directive, sources in allowed.items())


HEADERS = {
    "Content-Security-Policy": policy(),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
}
PROBLEM = "application/problem+json"


def install(app: Flask) -> None:
    """Installs what pages need in templates, and the pages that errors are shown as."""
    env = app.jinja_env
    env.add_extension("jinja2.ext.i18n")
    env.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.trim_blocks = env.lstrip_blocks = True
    env.filters |= {name: getattr(language, name) for name in ("money", "day", "moment", "country_name")}
    env.globals |= {
        "asset": assets.address, "csrf_token": csrf.token, "language": language.language,
        "LANGUAGES": language.LANGUAGES, "locale": language.locale_name,
        "countries": language.countries, "seller": settings.seller_name,
    }  # fmt: skip
    app.after_request(_finish)


def render(template: str, status: int = 200, **values: Any) -> Response:
    """A page, or a part of one."""
    html = render_template(template, **{**common(), **values})
    return Response(html, status, HEADERS, content_type="text/html; charset=utf-8")


def common() -> dict[str, Any]:
    """What every page shows: who has signed in, and how many units are in the basket."""
    with single_statements() as connection:
        units = basket.count_units(connection)
    return {"principal": access.find_principal(), "units_in_basket": units, "canonical": canonical()}


def canonical(path: str | None = None) -> str:
    """The address of a page by which search engines know it: without what changes only how it is shown. `path`: of
    another page, or with what belongs to the address."""
    return f"{settings.public_url or request.host_url.rstrip('/')}{request.path if path is None else path}"


def see(endpoint: str, **values: Any) -> Response:
    """Leads the browser to another page, after a form."""
    return lead(url_for(endpoint, **values))


def wants_page() -> bool:
    """Whether the client prefers HTML to JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def is_safe_path(path: str) -> bool:
    """Whether a path leads to the shop: `//example.org` and `/\\example.org` do not."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path and path.isprintable()


def lead(address: str) -> Response:
    """Leads the browser to an address of the shop, after a form."""
    response = redirect(address, 303)
    response = current_app.make_response(response)
    response.headers.update(HEADERS)
    return response


def _finish(response: Response) -> Response:
    """Shows an error as a page, and sets the browser's cookie."""
    is_page = request.blueprint in FACES or (request.path == "/" and wants_page())
    is_unknown = request.url_rule is None and not request.path.startswith("/v1/") and wants_page()
    if response.mimetype == PROBLEM and (is_page or is_unknown or _is_behind_mail()):
        response = _as_page(response)
    elif "button_page" in g and wants_page():
        g.language = g.button_page.language  # that of the mail
        response = render("button.html", response.status_code, page=g.button_page)
    return csrf.remember_browser(response)


def _is_behind_mail() -> bool:
    """Whether the address is one of the API that mails link, and a browser has opened it."""
    view = getattr(current_app.view_functions.get(request.endpoint or ""), "view_class", None)
    return getattr(view, "is_for_browsers", False) and wants_page()


def _page_of_form() -> str:
    """The page from which a form was sent, as far as the browser says."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    return came_from.path if came_from.netloc == request.host and is_safe_path(came_from.path) else "/"


def _as_page(response: Response) -> Response:
    """A problem document as a page. Who has to sign in is led there, and back."""
    problem = response.get_json()
    here = request.full_path.rstrip("?") if request.method == "GET" else _page_of_form()
    if response.status_code == 401 and "HX-Request" in request.headers:  # not into the part of a page
        shown = urlsplit(request.headers.get("HX-Current-URL", "")).path
        return Response(status=204, headers={"HX-Redirect": url_for("shop.sign_in", next=shown)})
    if response.status_code == 401:
        return lead(url_for("shop.sign_in", next=here))
    if problem["code"] == "fresh_sign_in_required":
        return lead(url_for("shop.confirm_password", next=here))
    title, text = describe_problem(response.status_code, problem)
    # The database may be the reason for the error: this page needs none.
    known = {"principal": None, "units_in_basket": 0, "canonical": "", "is_error": True}
    back = here if problem["code"] == "form_expired" else "/"
    html = render_template("error.html", title=title, text=text, problem=problem, back=back, **known)
    page = Response(html, response.status_code, HEADERS, content_type="text/html; charset=utf-8")
    if "Retry-After" in response.headers:
        page.headers["Retry-After"] = response.headers["Retry-After"]
    if "Allow" in response.headers:
        page.headers["Allow"] = response.headers["Allow"]
    return page
