"""`shop audit`, `shop runs` and `shop create-admin`, on the tests' database."""

import getpass
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

import durable
from cli.main import main
from durable import queries, transitions
from durable.ids import new_id
from durable.tables import StepRecord
from models import access, accounts
from models.core import event_log
from models.core.database import transaction
from settings import Settings
from tasks.gateways.payments import PROVIDERS
from tasks.gateways.payments.stripe import Stripe
from tests.authenticator_app import AuthenticatorApp
from tests.command import shop
from tests.runs import some_input
from tests.servers import Server
from tests.shopping import make_customer

DISCARD_URL = "http://127.0.0.1:9/"  # the discard port, for webhooks
GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server("sandbox.gateway", tmp_path_factory.mktemp("gateway"), "--webhook-url", DISCARD_URL)
    yield running
    running.stop()


@pytest.fixture
def sandbox(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "stripe", Stripe(Settings(gateway_port=server.ports["http"], gateway_timeout=2)))


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=input)


def started(workflow: str = "checkout", **values: Any) -> str:
    """An unpublished run."""
    with transaction() as session:
        run_id = durable.start(session, workflow, new_id("ord"), some_input(workflow, what="a [thing]"))
        session.info.clear()  # not to be published
        for name, value in values.items():
            setattr(queries.get_run(session, run_id), name, value)
    return run_id


def step(run_id: str, name: str, begun: float, took: float | None, status: str = "done", **values: Any) -> None:
    """Adds a step that began `begun` seconds after the start of the run."""
    with transaction() as session:
        at = queries.get_run(session, run_id).created_at + timedelta(seconds=begun)
        end = None if took is None else at + timedelta(seconds=took)
        session.add(
            StepRecord(run_id=run_id, name=name, status=status, queue="orders", started_at=at,
                      finished_at=end, **values)
        )  # fmt: skip


# ---- administrators


def test_creating_an_administrator_is_idempotent() -> None:
    for _ in range(2):
        made = run("create-admin", "--username", "boss", "--email", "boss@example.org", "--password", GOOD)
        assert (made.exit_code, made.output) == (0, made.output)
        assert made.output.startswith("boss <boss@example.org> is an administrator (usr_")
    with transaction() as session:
        (user,) = session.scalars(select(accounts.User)).all()
        assert access.permissions_of(session, user.id) == set(access.PERMISSIONS)
        assert accounts.verify_password(user.password_hash, GOOD)


def test_missing_options_are_prompted_for_and_the_password_is_hidden() -> None:
    made = run("create-admin", input=f"boss\nboss@example.org\n{GOOD}\n{GOOD}\n")
    assert made.exit_code == 0
    assert GOOD not in made.output
    assert "boss <boss@example.org> is an administrator" in made.output


@pytest.mark.parametrize(
    ("username", "email", "password", "said"),
    [
        ("boss", "boss@example.org", "short", "password: Length must be between 8 and 256."),
        ("boss", "nowhere", GOOD, "email: Not a valid email address."),
        ("the boss", "boss@example.org", GOOD, "username: 3 to 64 letters"),
    ],
)
def test_invalid_account_fields_are_refused(username: str, email: str, password: str, said: str) -> None:
    refused = run("create-admin", "--username", username, "--email", email, "--password", password)
    assert refused.exit_code == 1
    assert said in refused.output
    with transaction() as session:
        assert session.scalars(select(accounts.User)).all() == []


def test_an_email_already_in_use_is_refused() -> None:
    run("create-admin", "--username", "boss", "--email", "boss@example.org", "--password", GOOD)
    refused = run("create-admin", "--username", "chief", "--email", "Boss@example.org", "--password", GOOD)
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: An account with this e-mail address already exists. Choose another")


def test_a_customer_is_promoted_only_on_request() -> None:
    user_id = make_customer("boss")
    with transaction() as session:
        opened = accounts.open_session(session, user_id, None, None)
    options = ("create-admin", "--username", "Boss", "--email", "boss@example.org", "--password", GOOD)
    refused = run(*options)
    assert (refused.exit_code, refused.output) == (
        1,
        "Error: The account boss exists and is not an administrator."
        " Choose another name, or add --promote if this is the right account.\n",
    )
    with transaction() as session:
        assert access.roles_of(session, user_id) == ["customer"]
        assert accounts.get(session, user_id).password_hash == "none"
    assert run(*options, "--promote").exit_code == 0
    with transaction() as session:
        assert access.roles_of(session, user_id) == ["admin", "customer"]
        # Existing sessions of the account have ended.
        assert accounts.find_principal(session, user_id, opened.session_id) is None


# ---- second factors


def test_an_operator_resets_a_second_factor_that_was_lost() -> None:
    user_id = make_customer("ada")
    with transaction() as session:
        opened = accounts.open_session(session, user_id, None, None)
        secret = accounts.begin_enrolment(session, user_id).secret
        code = AuthenticatorApp(secret).code()
        accounts.confirm_enrolment(session, user_id, opened.session_id, code)
    done = run("users", "reset-second-factor", "ADA")
    assert (done.exit_code, done.output) == (0, f"ADA can sign in with the password alone ({user_id}).\n")
    with transaction() as session:
        assert accounts.find_second_factor(session, user_id) is None
        assert accounts.find_principal(session, user_id, opened.session_id) is None
        logged = select(event_log.Event.subject).where(event_log.Event.name == "operator.acted")
        assert session.scalars(logged).all() == [user_id]
    for name, said in (("ada", "This user has no second factor."), ("nobody", "No such user: nobody.")):
        refused = run("users", "reset-second-factor", name)
        assert (refused.exit_code, refused.output) == (1, f"Error: {said}\n")


# ---- the audit


def test_an_audit_prints_every_invariant_with_its_figures(sandbox: None) -> None:
    found = run("audit")
    assert found.exit_code == 0
    assert re.search(r"ok +no run is failed or stuck +failed 0, stuck 0, wrong 0", found.output)
    assert re.fullmatch(r"All \d+ invariants hold\.", found.output.splitlines()[-1])
    listed = json.loads(run("audit", "--json").output)
    assert f"All {len(listed)} invariants hold." in found.output
    assert {"name", "ok", "figures", "examples", "count"} == set(listed[0])


def test_an_audit_with_a_violation_names_it_and_exits_with_1(sandbox: None) -> None:
    run_id = started(status="failed", finished_at=datetime.now(UTC))
    found = run("audit")
    assert found.exit_code == 1
    assert re.search(r"BROKEN +no run is failed or stuck +failed 1, stuck 0, wrong 1", found.output)
    assert run_id in found.output
    assert run("audit", "--json").exit_code == 1


def test_an_audit_says_how_many_violations_it_names(sandbox: None) -> None:
    failed = [started(status="failed", finished_at=datetime.now(UTC)) for _ in range(7)]
    shown = " ".join(run("audit").output.split())
    assert "the first 5 of 7 (--all names all): " + ", ".join(failed[:5]) in shown
    assert "all 7: " + ", ".join(failed) in " ".join(run("audit", "--all").output.split())


def test_an_audit_without_the_gateway_checks_the_books_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable = Settings(gateway_port=9, gateway_timeout=1)  # the discard port
    monkeypatch.setitem(PROVIDERS, "stripe", Stripe(unreachable))
    found = run("audit")
    assert found.exit_code == 3
    assert re.search(r"ok +no run is failed or stuck", found.output)
    assert re.search(r"not checked +the gateway's payments match the shop's", found.output)
    assert re.search(r"All \d+ invariants that were checked hold\.", found.output)
    assert "were not checked: The payment gateway does not answer" in found.output
    listed = json.loads(run("audit", "--json").stdout)
    assert [each["ok"] for each in listed].count(None) == 4
    started(status="failed", finished_at=datetime.now(UTC))
    assert run("audit").exit_code == 1


def test_an_audit_without_the_database_exits_with_2(tmp_path: Path) -> None:
    without_database = shop(tmp_path / "var", "audit")
    assert without_database.returncode == 2
    assert without_database.stderr.startswith("Error: Cannot connect to the database; is the stack running?")
    assert without_database.stderr.count("\n") == 1


def test_an_audit_checks_an_entry_of_the_audit_log_that_was_kept(sandbox: None) -> None:
    run("runs", "retry", started(status="failed", finished_at=datetime.now(UTC)))
    (entry,) = re.findall(r"entry (1:[0-9a-f]{64})", run("audit").output.replace("\n", ""))
    assert run("audit", "--entry", entry).exit_code == 0
    missing = run("audit", "--entry", f"1:{'0' * 64}")
    assert (missing.exit_code, "has no entry 1:000" in missing.output) == (1, True)
    assert run("audit", "--entry", "1").exit_code == 2


def test_what_operators_change_is_recorded_in_the_audit_log(sandbox: None) -> None:
    run_id = started(status="failed", finished_at=datetime.now(UTC))
    run("runs", "show", run_id)
    run("runs", "retry", run_id)
    run("runs", "retry", run_id.replace("run_0", "run_f"))  # there is none
    run("prune", "reports")
    run("prune", "reports", "--dry-run")
    with transaction() as session:
        chosen = event_log.select_events(kind="operator").order_by(event_log.Event.id)
        acted = [(event.subject, event.payload) for event in session.scalars(chosen)]
    user = getpass.getuser()
    assert acted == [
        (run_id, {"command": "main runs retry", "user": user}), (None, {"command": "main prune", "user": user}),
    ]  # fmt: skip


# ---- runs


def test_runs_are_listed_newest_first() -> None:
    old, new, other = started(), started(error={"code": "out_of_luck"}), started("clean_up")
    printed = run("runs", "list").output
    assert re.findall(r"run_[0-9a-f]{32}", printed) == [other, new, old]
    assert "out_of_luck" in printed
    listed = json.loads(run("runs", "list", "--workflow", "checkout", "--limit", "1", "--json").output)
    assert [found["id"] for found in listed] == [new]
    assert json.loads(run("runs", "list", "--status", "failed", "--json").output) == []
    assert run("runs", "list", "--older-than", "1h").output == "No runs found.\n"
    assert run("runs", "list", "--older-than", "soon").exit_code == 2


def test_runs_show_draws_the_steps_on_a_timeline() -> None:
    run_id = started(created_at=datetime.now(UTC) - timedelta(seconds=10))
    step(run_id, "inventory.reserve", 0, 2)
    step(run_id, "payments.authorise", 5, None, "intent", attempts=3, error={"code": "GatewayDown", "detail": "[no]"})
    shown = run("runs", "show", run_id).output
    rows = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert re.search(r"done +1 +0 +2000 +━{6,8} *$", rows["inventory.reserve"])
    assert re.search(r"intent +3 +5000 +━{16,19} +GatewayDown: \[no\] *$", rows["payments.authorise"])
    assert rows["payments.authorise"].index("━") > rows["inventory.reserve"].index("━") + 15
    assert "pending" in rows["orders.complete"]
    assert '"a [thing]"' in shown
    data = json.loads(run("runs", "show", run_id, "--json").output)
    assert [found["name"] for found in data["steps"]] == ["inventory.reserve", "payments.authorise"]
    assert data["left"][0] == "payments.authorise"


def test_a_compensated_run_shows_its_undos() -> None:
    error = {"code": "payment_declined", "detail": "The card was declined."}
    run_id = started(error=error)
    step(run_id, "inventory.reserve", 0, 0.01)
    step(run_id, "payments.authorise", 0.02, 0.01, "refused", error=error)
    step(run_id, "undo:inventory.reserve", 0.04, 0.01)
    with transaction() as session:
        transitions.end(session, queries.get_run(session, run_id), "cancelled")
    shown = run("runs", "show", run_id).output
    assert shown.startswith(f"{run_id}  checkout of ord_")
    for part in (": cancelled\n", "undo:inventory.reserve", "refused", "payment_declined: The card was declined."):
        assert part in shown
    assert "pending" not in shown


@pytest.mark.parametrize("command", ["show", "retry", "cancel"])
def test_an_unknown_run_is_refused(command: str) -> None:
    assert run("runs", command, "run_" + "0" * 32).exit_code == 1
    wrong = run("runs", command, "ord_1")
    assert wrong.exit_code == 2
    assert "is not the id of a run" in wrong.output


def test_a_run_is_cancelled_and_retried() -> None:
    run_id = started()
    assert run("runs", "cancel", run_id).output == f"{run_id} is being cancelled.\n"
    refused = run("runs", "cancel", run_id)
    assert (refused.exit_code, refused.output) == (1, "Error: This run is already being compensated.\n")
    assert run("runs", "retry", run_id).output == f"{run_id} is resumed (compensating).\n"
    past = started()
    step(past, "orders.confirm", 0, 0)
    assert run("runs", "cancel", past).output == (
        "Error: This run has passed its pivot, orders.confirm, and cannot be cancelled.\n"
    )
