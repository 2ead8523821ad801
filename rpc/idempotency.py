"""The metadata `idempotency-key`: a retried call takes effect once and returns the same answer."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from sqlalchemy.orm import Session

from models.core import idempotency
from models.core.database import transaction
from rpc.call import IDEMPOTENCY_KEY, Call
from serving import staff_actions

Answer = TypeVar("Answer", bound=Message)
REPLAYED = "idempotent-replayed"
OK = 200  # the status of the REST API's answers in the same table


def once(
    call: Call, request: Message, kind: type[Answer], act: Callable[[Session], Answer], *, required: bool = False
) -> Answer:
    """Performs `act` in a transaction, in which its answer is stored for the key.

    A concurrent or later call with the same key waits for that transaction and gets the same answer, with
    `idempotent-replayed` in the trailing metadata. Keys are shared with the REST API. Raises BadRequest
    (`idempotency_key_required` if `required`, `idempotency_key_too_long`) and Invalid (`idempotency_key_reused`).
    """
    key = idempotency.check_key(call.metadata.get(IDEMPOTENCY_KEY), required)
    with transaction() as session:
        if key is None:
            return _named(act(session))
        owner = call.principal.user_id
        first = idempotency.claim(session, owner, key, _fingerprint(request))
        if first is not None:
            call.trailing[REPLAYED] = "true"
            return json_format.ParseDict(first.body, kind())
        answer = _named(act(session))
        idempotency.save(session, owner, key, idempotency.StoredResponse(OK, json_format.MessageToDict(answer), {}))
        return answer


def _fingerprint(request: Message) -> str:
    """A hash of the request: its type and its fields."""
    name = f"gRPC {request.DESCRIPTOR.full_name}\n".encode()
    return hashlib.sha256(name + request.SerializeToString(deterministic=True)).hexdigest()


def _named(answer: Answer) -> Answer:
    """Returns the answer unchanged. The action that is recorded is about the resource in it."""
    shown = next((value for field, value in answer.ListFields() if field.message_type is not None), answer)
    staff_actions.name_subject(getattr(shown, "id", None))
    return answer
