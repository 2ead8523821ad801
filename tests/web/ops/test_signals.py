"""The signals that a workflow declares: offered in the form, checked, and the same that its steps consume."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import tasks
from durable.workflow import all_workflows
from tests.runs import started, state
from tests.web.conftest import Browser
from tests.web.ops.acting import form_of


@pytest.fixture
def operator(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("operator", "admin")


def test_declared_signals_are_offered_with_their_data(operator: Browser) -> None:
    run_id = started("restock", status="waiting")
    page = operator.get(f"/ops/runs/{run_id}/signal").text
    assert '<option value="delivery">' in page
    assert '<code>delivery</code> <code class="hint">{&#34;actor&#34;: null, &#34;lines&#34;: {}}</code>' in page
    none = operator.get(f"/ops/runs/{started('audit')}/signal").text
    assert "declares no signals" in none
    assert "<datalist" not in none


def test_a_declared_signal_without_its_data_is_refused(operator: Browser) -> None:
    run_id = started("restock", status="waiting")
    path = f"/ops/runs/{run_id}/signal"
    form = form_of(operator.get(path))
    answer = operator.post(path, data={**form, "name": "delivery", "data": "{}"})
    assert (answer.status_code, "needs actor" in answer.text) == (422, True)
    assert state(run_id).signals == {}
    sent = operator.post(path, data={**form, "name": "delivery", "data": '{"actor": null}'})
    assert (sent.status_code, state(run_id).signals) == (303, {"delivery": [{"actor": None}]})
    other = operator.post(path, data={**form_of(operator.get(path)), "name": "anything", "data": ""})
    assert (other.status_code, state(run_id).signals["anything"]) == (303, [{}])


@pytest.mark.parametrize("data", [
    "{", "[]", "1", '{"a": ' + "[" * 5000 + "]" * 5000 + "}", '{"a": ' + "[" * 80 + "]" * 80 + "}", '{"a": NaN}',
    '{"a": 1e400}', r'{"a": "\u0000"}', r'{"\ud800": 1}', '{"a": ' + "9" * 5000 + "}",
])  # fmt: skip
def test_data_that_cannot_be_read_or_stored_is_refused(operator: Browser, data: str) -> None:
    path = f"/ops/runs/{started('audit', status='waiting')}/signal"
    answer = operator.post(path, data={**form_of(operator.get(path)), "name": "anything", "data": data})
    assert (answer.status_code, "This is not a JSON object." in answer.text) == (422, True)


def consumed() -> dict[str, set[str]]:
    """Step → the names of the signals that its function consumes."""
    found: dict[str, set[str]] = {}
    for file in Path(tasks.__file__).parent.rglob("*.py"):
        for function in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                if isinstance(call.func, ast.Attribute) and call.func.attr == "consume":
                    [name] = call.args
                    assert isinstance(name, ast.Constant)
                    found.setdefault(function.name, set()).add(str(name.value))
    return found


def test_workflows_declare_what_their_steps_consume() -> None:
    known = consumed()
    assert len(known) >= 8
    for workflow in all_workflows():
        functions = {step.name.partition(".")[2] for step in workflow.all_steps()}
        inside = {step.record.__name__ for step in workflow.all_steps() if step.record is not None}
        names = set[str]().union(*(known.get(name, set()) for name in functions | inside))
        assert set(workflow.signals) == names, workflow.name
