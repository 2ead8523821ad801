"""The table of idempotency keys."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from models.core import idempotency
from models.core.database import transaction
from models.core.errors import Invalid
from models.operations import retention

ANSWER = idempotency.StoredResponse(202, {"task_id": "run_1", "rows": [1, None]}, {"Location": "/v1/tasks/run_1"})


def use(key: str, fingerprint: str = "f" * 64) -> idempotency.StoredResponse | None:
    with transaction() as session:
        first = idempotency.claim(session, "usr_1", key, fingerprint)
        if first is None:
            idempotency.save(session, "usr_1", key, ANSWER)
        return first


def test_a_key_returns_the_stored_response() -> None:
    assert use("a") is None
    assert use("a") == ANSWER
    assert use("b") is None


def test_a_key_is_refused_for_another_request() -> None:
    use("a")
    with pytest.raises(Invalid) as refused:
        use("a", "0" * 64)
    assert refused.value.code == "idempotency_key_reused"


def test_a_key_is_kept_for_24_hours() -> None:
    use("old")
    use("new")
    table = idempotency.IdempotencyKey
    with transaction() as session:
        for key, hours in (("old", 24.1), ("new", 23.9)):
            used_at = datetime.now(UTC) - timedelta(hours=hours)
            session.execute(update(table).where(table.key == key).values(created_at=used_at))
    with transaction() as session:
        assert retention.prune(session, ["idempotency_keys"]).deleted == {"idempotency_keys": 1}
    with transaction() as session:
        assert session.scalars(select(table.key)).all() == ["new"]
