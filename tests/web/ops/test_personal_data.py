"""Addresses and phone numbers in sentences: of errors, faults, events and logs. Who may not see people's data sees that
there is one."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from durable.ids import new_id
from durable.tables import BreakerRecord
from models.core import event_log
from models.core.database import transaction
from models.core.events import IncidentOpened
from models.notifications import Notification
from tests.runs import failed, started, state, step
from tests.web.conftest import Browser
from tests.web.ops.test_pages import role
from web.ops import logs
from web.ops.masking import mask, mask_sentence

BOUNCE = "550 5.1.1 <Ada.L+shop@mail.example.org>: unknown; SMS to +4915123456789 failed"
PERSONAL = ("Ada.L", "mail.example", "15123456789")


def about_ada() -> str:
    """A run that names her in every sentence that it has."""
    run_id = started(stuck_at=datetime.now(UTC), stuck_reason=BOUNCE, signals={"sent": [{"detail": BOUNCE}]})
    step(run_id, "payments.authorise", "intent", error={"trace": BOUNCE, "where": "tasks/orders.py:1"})
    failed(run_id, "payments.authorise", error={"code": "gateway_down", "detail": BOUNCE})
    with transaction() as session:
        session.add(BreakerRecord(queue="notifications", state="open", opened_at=datetime.now(UTC), error=BOUNCE))
        session.add(
            Notification(id=new_id("ntf"), key=f"checkout:{state(run_id).key}", kind="order_confirmed",
                         channel="email", recipient="ada@example.org", subject="", text="", last_error=BOUNCE)
        )  # fmt: skip
        event_log.emit(session, IncidentOpened(incident="stuck:checkout", state="opened", detail=BOUNCE))
    return run_id


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every page that shows a sentence about her."""
    run_id = about_ada()
    monkeypatch.setattr(logs, "_folder", lambda: tmp_path)
    (tmp_path / "worker.log").write_text(f"2026-11-30 12:00:00 {BOUNCE} [run_id={run_id}]\n")
    run = f"/ops/runs/{run_id}"
    return [run, f"{run}?part=live", f"{run}/log", "/ops/", "/ops/queues", "/ops/incidents",
            "/ops/incidents/stuck:checkout", f"/ops/find?q={run_id}"]  # fmt: skip


def test_sentences_are_shown_without_addresses_and_numbers(signed_in: Callable[..., Browser], pages: list[str]) -> None:
    watcher = signed_in("wanda", role("watcher", "runs:read", "orders:read", "notifications:read"))
    root = signed_in("root", "admin")
    for path in pages:
        masked, whole = watcher.get(path).text, root.get(path).text
        assert "550 5.1.1" in masked, path
        assert "A•••@m•••" in masked, path
        assert not [one for one in PERSONAL if one in masked], path
        assert all(one in whole for one in PERSONAL), path


@pytest.mark.parametrize("text", [
    "Task received by shop@vm on 127.0.0.1:6379", "2026-11-30T12:00:00+00:00", "https://here.example/v1?a=b",
    "pi_3NfZ+12345678 a@b", "13 + 1234567 = 1",
])  # fmt: skip
def test_what_names_nobody_is_left_as_it_is(text: str) -> None:
    assert mask_sentence(text) == text


def test_links_and_keys_of_data_may_be_personal_too() -> None:
    link = "https://track.example/trk_12345"
    assert mask({"tracking": link, "by": {"ada@example.org": 1}}) == {"tracking": "•••", "by": {"a•••@e•••": 1}}


def test_a_long_word_is_read_once() -> None:
    """A quadratic search would take longer than a test may."""
    word = "x" * 1_000_000
    assert mask_sentence(f"{word} ada@example.org {word}") == f"{word} a•••@e••• {word}"
