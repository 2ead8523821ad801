"""Passkeys (WebAuthn): discoverable credentials with user verification, so that one is enough to sign in."""

import binascii
import json
import logging
from base64 import urlsafe_b64decode
from typing import Any
from uuid import UUID

import webauthn
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from durable.ids import new_id
from models.accounts.challenges import (
    LIFETIME,
    invalid_challenge_error,
    make_challenge,
    read_challenge,
    spend_challenge,
)
from models.accounts.relying_party import relying_party
from models.accounts.sessions import Credentials, OpenedSession, log_in
from models.accounts.sign_in_tables import Passkey
from models.accounts.users import get, lock
from models.core import event_log
from models.core.errors import Conflict, Invalid, NotFound, NotSignedIn
from models.core.events import SignInChanged
from settings import settings

log = logging.getLogger(__name__)

MAX_PASSKEYS = 20  # per user
ADDING, SIGNING_IN = "new passkey", "passkey"
MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
"""What the library raises for an answer that is not as it should be."""


def make_registration_options(session: Session, user_id: str, session_id: str) -> dict[str, Any]:
    """The options of `navigator.credentials.create`, for this session. Raises Conflict `too_many_passkeys`,
    `passkeys_unavailable`."""
    party, user = relying_party(), get(session, user_id)
    known = session.scalars(list_passkeys(user_id)).all()
    if len(known) >= MAX_PASSKEYS:
        raise _too_many()
    options = webauthn.generate_registration_options(
        rp_id=party.id, rp_name=settings.seller_name, user_name=user.username, user_id=_handle(user_id),
        user_display_name=f"{user.first_name} {user.last_name}".strip() or user.username, timeout=LIFETIME * 1000,
        challenge=make_challenge(ADDING, sub=user_id, session=session_id).encode(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
    )  # fmt: skip
    return options_to_json_dict(options)


def add_passkey(session: Session, user_id: str, session_id: str, name: str, credential: dict[str, Any]) -> Passkey:
    """Adds the passkey that `navigator.credentials.create` has made with the options of this session.

    Raises NotSignedIn `invalid_challenge`, Invalid `passkey_invalid`, Conflict `too_many_passkeys`, `passkey_known`.
    """
    party, challenge = relying_party(), _challenge_in(credential)
    claims = read_challenge(challenge, ADDING)
    if (claims["sub"], claims["session"]) != (user_id, session_id):
        raise invalid_challenge_error()
    spend_challenge(session, challenge, claims)
    try:
        made = webauthn.verify_registration_response(
            credential=credential, expected_challenge=challenge.encode(), expected_rp_id=party.id,
            expected_origin=party.origins, require_user_verification=True,
        )  # fmt: skip
    except MALFORMED as error:
        reason = str(error)[:200] or type(error).__name__
        raise Invalid("The passkey is invalid.", code="passkey_invalid", errors={"credential": [reason]}) from error
    lock(session, user_id)
    if session.scalars(select(func.count()).where(Passkey.user_id == user_id)).one() >= MAX_PASSKEYS:
        raise _too_many()
    if session.scalars(select(Passkey.id).where(Passkey.credential_id == made.credential_id)).first() is not None:
        raise Conflict("This passkey is known already.", code="passkey_known")
    passkey = Passkey(
        id=new_id("pky"), user_id=user_id, name=name, credential_id=made.credential_id, aaguid=made.aaguid,
        public_key=made.credential_public_key, sign_count=made.sign_count, synced=made.credential_backed_up,
    )  # fmt: skip
    session.add(passkey)
    session.flush()
    session.refresh(passkey)
    event_log.emit(session, SignInChanged(user_id=user_id, change="passkey_added"))
    return passkey


def _too_many() -> Conflict:
    return Conflict(f"You have {MAX_PASSKEYS} passkeys. Delete one first.", code="too_many_passkeys")


def list_passkeys(user_id: str) -> Select[Passkey]:
    """The query for the passkeys of a user. The caller orders it."""
    return select(Passkey).where(Passkey.user_id == user_id)


def get_passkey(session: Session, user_id: str, passkey_id: str) -> Passkey:
    """A passkey of the user. Raises NotFound."""
    passkey = session.scalars(list_passkeys(user_id).where(Passkey.id == passkey_id)).one_or_none()
    if passkey is None:
        raise NotFound("No such passkey.")
    return passkey


def delete_passkey(session: Session, user_id: str, passkey_id: str) -> None:
    """Deletes a passkey of the user. Sessions that were opened with it continue. Raises NotFound."""
    session.delete(get_passkey(session, user_id, passkey_id))
    session.flush()
    event_log.emit(session, SignInChanged(user_id=user_id, change="passkey_deleted"))


def make_sign_in_options() -> dict[str, Any]:
    """The options of `navigator.credentials.get`, for whichever user. Raises Conflict `passkeys_unavailable`."""
    options = webauthn.generate_authentication_options(
        rp_id=relying_party().id, challenge=make_challenge(SIGNING_IN).encode(), timeout=LIFETIME * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )  # fmt: skip
    return options_to_json_dict(options)


def sign_in_with_passkey(
    session: Session, credential: dict[str, Any], user_agent: str | None, ip: str | None
) -> OpenedSession:
    """Opens a session for the owner of the passkey that `navigator.credentials.get` has used.

    Raises NotSignedIn: `invalid_challenge`, `passkey_refused`; the latter for any other reason, which is logged.
    """
    challenge = _challenge_in(credential)
    spend_challenge(session, challenge, read_challenge(challenge, SIGNING_IN))
    passkey = _find_used(session, credential)
    party = relying_party()
    try:
        used = webauthn.verify_authentication_response(
            credential=credential, expected_challenge=challenge.encode(), expected_rp_id=party.id,
            expected_origin=party.origins, credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count, require_user_verification=True,
        )  # fmt: skip
    except MALFORMED as error:
        log.warning("Passkey %s was refused: %s", passkey.id, str(error)[:200])
        raise refused_error() from error
    passkey.sign_count, passkey.synced = used.new_sign_count, used.credential_backed_up
    passkey.last_used_at = func.now()
    owner = get(session, passkey.user_id)
    return log_in(session, Credentials(owner.id, owner.password_hash), user_agent, ip, "passkey")


def _find_used(session: Session, credential: dict[str, Any]) -> Passkey:
    """The passkey that the answer names, locked so that its counter goes up one by one. It names its owner, too."""
    known = select(Passkey).where(Passkey.credential_id == _decoded(credential["rawId"])).with_for_update()
    passkey = session.scalars(known.execution_options(populate_existing=True)).one_or_none()
    if passkey is None or _decoded(credential["response"]["userHandle"]) != _handle(passkey.user_id):
        raise refused_error()
    return passkey


def _challenge_in(credential: dict[str, Any]) -> str:
    """The challenge that the client says it has answered. Raises NotSignedIn `invalid_challenge`."""
    try:
        said = json.loads(_decoded(credential["response"]["clientDataJSON"]))
        return _decoded(said["challenge"]).decode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise invalid_challenge_error() from error


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:  # a length that base64 cannot have
        return b""


def _handle(user_id: str) -> bytes:
    """The user handle: the id, which says nothing of the user."""
    return UUID(user_id.removeprefix("usr_")).bytes


def refused_error() -> NotSignedIn:
    """The same error for an unknown passkey, a wrong signature, origin or counter, and a user who was not verified."""
    return NotSignedIn("This passkey was not accepted.", code="passkey_refused")
