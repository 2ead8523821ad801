"""The sessions: where the customer has signed in."""

from flask import Response, g, request

from models import accounts
from models.core.database import transaction
from web import access
from web.blueprint import shop, takes_form
from web.forms import is_id
from web.pages import render, see


@shop.get("/account/sessions")
@access.signed_in
def sessions() -> Response:
    """Where the customer has signed in."""
    live = accounts.select_live_sessions(g.principal.user_id).order_by(accounts.LoginSession.id.desc()).limit(100)
    with transaction() as session:
        found = list(session.scalars(live))
    return render("account/sessions.html", sessions=found, current=g.principal.session_id)


@shop.post("/account/sessions")
@takes_form
@access.signed_in
def end_sessions() -> Response:
    """Ends one session, or all others."""
    with transaction() as session:
        wanted = request.form.get("session", "")
        if is_id("ses", wanted):
            live = accounts.select_live_sessions(g.principal.user_id)
            if session.scalars(live.where(accounts.LoginSession.id == wanted)).one_or_none() is not None:
                accounts.end_session(session, g.principal.user_id, wanted)
        elif not wanted:
            accounts.end_other_sessions(session, g.principal.user_id, kept=g.principal.session_id)
    return see("shop.sessions")
