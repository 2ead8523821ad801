"""Idempotency keys at the table."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from models import idempotency
from models.database import transaction
from models.errors import Invalid

ANSWER = idempotency.Answer(202, {"task_id": "run_1", "rows": [1, None]}, {"Location": "/v1/tasks/run_1"})


def use(key: str, fingerprint: str = "f" * 64) -> idempotency.Answer | None:
    with transaction() as session:
        first = idempotency.claim(session, "usr_1", key, fingerprint)
        if first is None:
            idempotency.keep(session, "usr_1", key, ANSWER)
        return first


def test_a_key_gives_the_first_answer_back() -> None:
    assert use("a") is None
    assert use("a") == ANSWER
    assert use("b") is None


def test_a_key_stands_for_one_request() -> None:
    use("a")
    with pytest.raises(Invalid) as refused:
        use("a", "0" * 64)
    assert refused.value.code == "idempotency_key_reused"


def test_old_keys_are_deleted() -> None:
    use("old")
    use("new")
    table = idempotency.IdempotencyKey
    with transaction() as session:
        yesterday = datetime.now(UTC) - timedelta(hours=25)
        session.execute(update(table).where(table.key == "old").values(created_at=yesterday))
    with transaction() as session:
        assert idempotency.delete_old(session, datetime.now(UTC) - timedelta(hours=24)) == 1
    with transaction() as session:
        assert session.scalars(select(table.key)).all() == ["new"]
