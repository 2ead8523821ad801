"""Views of the phone number of the signed-in user."""

from flask import g, request
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.accounts.blueprint import blueprint
from api.accounts.reach_schemas import NewPhone, Phone, PhoneCode
from api.http.auth import signed_in
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.prefer_wait import WaitResult, may_wait
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from api.tasks.schemas import Accepted
from durable import queries
from durable.tables import RunRecord
from models import accounts
from models.core.database import transaction
from models.core.errors import Invalid


def _phone_of_run(session: Session, run: RunRecord) -> accounts.Phone:
    return accounts.get_phone(session, run.input["user_id"])


@blueprint.route("/me/phone")
class PhoneView(MethodView):
    @signed_in
    @error_codes("not_found")
    @blueprint.response(200, Phone)
    def get(self) -> accounts.Phone:
        """Returns your phone number."""
        with transaction() as session:
            return accounts.get_phone(session, g.principal.user_id)

    @signed_in
    @error_codes("invalid_phone_number", "already_verified", "channel_unavailable", "too_many_requests")
    @blueprint.arguments(NewPhone)
    @may_wait(WaitResult(Phone, "task", _phone_of_run, status=200))
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def put(self, session: Session, body: dict[str, str]) -> TaskAnswer:
        """Sets your phone number, and sends it a code by text message. Another request sends another code.

        A number that was verified before is replaced at once.
        """
        user_id, number = g.principal.user_id, accounts.parse_number(body["number"])
        accounts.take_attempt(session, accounts.code_limits(user_id, number, request.remote_addr))
        return accept(queries.get_run(session, accounts.set_phone(session, user_id, number)))

    @signed_in
    @blueprint.response(204)
    def delete(self) -> None:
        """Removes your phone number. A second call changes nothing."""
        with transaction() as session:
            accounts.remove_phone(session, g.principal.user_id)


@blueprint.route("/me/phone/verify")
class PhoneCodeView(MethodView):
    @signed_in
    @error_codes("code_incorrect", "code_expired", "already_verified", "not_found")
    @blueprint.arguments(PhoneCode)
    @blueprint.response(200, Phone)
    def post(self, body: dict[str, str]) -> accounts.Phone:
        """Verifies your phone number with the code from the text message. Each code can be tried five times."""
        with transaction() as session:  # it commits the attempt, whatever its result
            tried = accounts.verify_phone(session, g.principal.user_id, body["code"])
        if not tried.verified:
            detail = f"The code is incorrect. Attempts left: {tried.attempts_left}."
            raise Invalid(
                detail, code="code_incorrect", errors={"code": [detail]}, attempts_left=tried.attempts_left
            )  # fmt: skip
        return tried.phone
