"""The audit log: every change of an event of staff, of its entry, or of their order is found."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from models.core import audit_chain, event_log
from models.core.audit_chain import AuditEntry
from models.core.database import transaction
from models.core.events import OrderCreated, StaffActed
from models.operations import audit_log
from models.operations.retention import prune
from settings import Settings, settings
from tests.models.auditing import broken, change, ledger
from tests.models.racing import race


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


def act(path: str = "/v1/warehouses") -> None:
    with transaction() as session:
        acted = StaffActed(subject="whs_1", method="POST", path=path, permission="stock:write", request_id=None)
        event_log.emit(session, acted)


def act_and_fail(session: Session) -> None:
    event_log.emit(session, StaffActed(subject=None, method="", path="", permission="", request_id=None))
    session.execute(text("SELECT 1 / 0"))


def faults() -> list[str]:
    with transaction() as session:
        figures, examples = audit_log.verify(session)
    assert figures["wrong"] == len(examples)
    return [example.rpartition(": ")[2] for example in examples]


def last_entry() -> str:
    with transaction() as session:
        return audit_chain.last_entry(session) or ""


def act_years_ago(years: int) -> None:
    with transaction() as session:
        id_ = session.scalar(
            text("""INSERT INTO workflow.event (id, name, payload, created_at) VALUES
            (uuidv7(make_interval(years => -:years)), 'staff.acted', '{}', now() - make_interval(years => :years))
            RETURNING id"""),
            {"years": years},
        )
        audit_chain.chain(session, f"evt_{id_.hex}")


def test_an_untouched_log_is_complete() -> None:
    assert last_entry() == ""
    for _ in range(3):
        act()
    assert faults() == []
    assert last_entry().startswith("3:")
    assert broken(ledger()) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workflow.event SET actor = 'usr_2' WHERE {second}",
        'UPDATE workflow.event SET payload = payload || \'{{"path": "/v1/orders"}}\' WHERE {second}',
        "UPDATE workflow.event SET subject = NULL WHERE {second}",
        "UPDATE workflow.event SET created_at = created_at - interval '1 s' WHERE {second}",
        "UPDATE workflow.event SET name = 'role.deleted' WHERE {second}",
        "UPDATE workflow.audit_entry SET code = sha256(code) WHERE number = 2",
        "UPDATE workflow.audit_entry SET before = sha256(before) WHERE number = 2",
        "UPDATE workflow.audit_entry SET created_at = created_at - interval '11 years' WHERE number = 2",
        "DELETE FROM workflow.event WHERE {second}",
        "DELETE FROM workflow.audit_entry WHERE number = 2",
        "DELETE FROM workflow.event WHERE {second}; DELETE FROM workflow.audit_entry WHERE number = 2",
        "DELETE FROM workflow.audit_entry WHERE number = 1",
        "DELETE FROM workflow.event WHERE {second}; DELETE FROM workflow.audit_entry WHERE number = 2; "
        "UPDATE workflow.audit_entry SET number = 2 WHERE number = 3",
        "INSERT INTO workflow.event (id, name, payload) VALUES (uuidv7(), 'staff.acted', '{{}}')",
        "UPDATE workflow.event SET name = 'order.created' WHERE {second}",
    ],
)
def test_tampering_breaks_the_log(statement: str) -> None:
    for _ in range(3):
        act()
    second = "id = (SELECT event_id FROM workflow.audit_entry WHERE number = 2)"
    for part in statement.format(second=second).split("; "):
        change(part.replace(":", r"\:"))
    assert faults() != []
    assert list(broken(ledger())) == [audit_log.NAME]


def test_whoever_does_not_know_the_key_cannot_write_the_log_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "settings", Settings(audit_keys="k" * 32))
    act()
    monkeypatch.undo()
    assert faults() == ["was changed, or signed with another key (SHOP_AUDIT_KEYS)"]


def test_a_former_key_still_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    act()
    monkeypatch.setattr(audit_chain, "settings", Settings(audit_keys=f"{'k' * 32},{settings.secret_key}"))
    act()
    assert faults() == []


def test_entries_deleted_from_the_end_are_missed_by_who_kept_one() -> None:
    act()
    act()
    known = last_entry()
    change("DELETE FROM workflow.event WHERE id = (SELECT event_id FROM workflow.audit_entry WHERE number = 2)")
    change("DELETE FROM workflow.audit_entry WHERE number = 2")
    assert faults() == []
    act()
    with transaction() as session:
        assert not audit_log.has_entry(session, known)
        assert not audit_log.has_entry(session, "7:" + "0" * 16)
        assert audit_log.has_entry(session, last_entry()[:20])


def test_concurrent_changes_are_entered_one_after_another() -> None:
    race([act] * 8)
    assert faults() == []
    assert last_entry().startswith("8:")


def test_a_change_that_is_rolled_back_leaves_no_entry() -> None:
    act()
    with pytest.raises(DataError), transaction() as session:
        act_and_fail(session)
    with transaction() as session:
        with pytest.raises(DataError), session.begin_nested():
            act_and_fail(session)
        event_log.emit(session, OrderCreated(order_id="ord_1", user_id="usr_1"))
    assert faults() == []
    assert last_entry().startswith("1:")


def test_events_that_retention_deletes_are_no_violation() -> None:
    for years in (12, 11):
        act_years_ago(years)
    act()
    act()
    assert faults() == []
    with transaction() as session:
        assert prune(session, ["staff_events"]).deleted == {"staff_events": 4}
        assert list(session.scalars(select(AuditEntry.number).order_by(AuditEntry.number))) == [3, 4]
    assert faults() == []
    act()
    assert faults() == []
    change("DELETE FROM workflow.audit_entry WHERE number = 4")
    assert "the entry before is missing" in faults()
