"""Sequences of requests that follow the links of the OpenAPI document: what is created is read, changed and deleted.

Schemathesis draws them. No response is a 500 or missing in the document; what was created is there until it is
deleted, and not afterwards. Each sequence has the database of a new shop, so that it does not depend on the others.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis.generation.stateful.control import TransitionController

from tests.api.described import DOCUMENT, STAYS, Case, prepare, schema
from tests.conftest import Caller, make_new
from tests.serving import serving
from tests.shopping import make_product

SEQUENCES = int(os.environ.get("SEQUENCES", "12"))
"""Without a number, they are the same in each run."""
PROFILE = settings(
    max_examples=SEQUENCES, stateful_step_count=15, derandomize="SEQUENCES" not in os.environ, deadline=None,
    database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=True,
)  # fmt: skip
ID = re.compile(r"\b([a-z]{2,3})_[0-9a-f]{32}\b")


class Known:
    """The ids that a sequence has met, by prefix."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = defaultdict(list)
        self.turn = count()

    def learn(self, text: str) -> None:
        for found in ID.finditer(text):
            if found[0] not in self.ids[found[1]]:
                self.ids[found[1]].append(found[0])

    def put_into(self, value: Any) -> Any:
        """The value with each id replaced by a known one, in turn, if there is one of that kind."""
        if isinstance(value, dict):
            return {name: self.put_into(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.put_into(inner) for inner in value]
        if isinstance(value, str) and (found := ID.fullmatch(value)) and self.ids[found[1]]:
            return self.ids[found[1]][next(self.turn) % len(self.ids[found[1]])]
        return value


class Control(TransitionController):
    """Decides what comes next: a third of the requests create something, the others follow links."""

    def allow_root_transition(self, source: str, bundles: Any) -> bool:
        begun = sum(map(self._root_calls, self.roots))
        followed = sum(sum(sources.total() for sources in calls.values()) for calls in self.statistic.values())
        if followed < 2 * begun and self._can_follow(bundles):
            return False
        return source in self.roots and super().allow_root_transition(source, bundles)

    def _can_follow(self, bundles: Any) -> bool:
        met = {
            label for name in bundles if bundles[name] for label in self.transitions.producer_labels_for_bundle(name)
        }
        return any(
            link.source.label in met and self.allow_transition(link.source.label, link.target.label)
            for operation in self.transitions.operations.values()
            for link in operation.outgoing
        )


def example_or_drawn(context: Any, body: Any) -> st.SearchStrategy[Any]:
    """A drawn body seldom creates anything where there are rules beyond the schema; the example does."""
    operation = DOCUMENT["paths"][context.operation.path][context.operation.method]
    example = operation["requestBody"]["content"].get("application/json", {}).get("example")
    return st.just(body) if example is None else st.just(deepcopy(example)) | st.just(body)


class Shop:
    """What a sequence has created in its shop and deleted from it: paths of resources."""

    def __init__(self, caller: Caller) -> None:
        self.created: set[str] = set()
        self.deleted: set[str] = set()
        self.known = Known()
        self.caller = caller
        for sku in ("TEA", "CUP", "POT"):
            make_product(sku, 5)
        caller.post("/v1/warehouses", json={"name": "Quay"})
        for path in ("products", "warehouses"):
            self.known.learn(caller.get(f"/v1/{path}").text)

    def judge(self, case: Case, response: Any) -> None:
        """What was created is read until it is deleted. Schemathesis judges no operation with an optional header."""
        path, status = case.formatted_path, response.status_code
        if case.method == "POST" and status == 201 and "id" in response.json():
            self.created.add(f"{path}/{response.json()['id']}")
        elif case.method == "DELETE" and status == 204:
            self.deleted.add(path)
        elif case.method == "GET" and path in self.deleted:
            assert status == 404 or case.operation.label in STAYS, f"{path} was deleted"
        elif case.method == "GET" and path in self.created:
            assert status in (200, 304), f"{path} was created"
        self.known.learn(response.text)


@pytest.fixture
def url(seeds: Any, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as url:
        yield url


@pytest.fixture
def machine(seeds: Any, database: None, sign_in: Callable[..., Caller], url: str) -> Any:
    """The state machine of schemathesis, for an administrator of a new shop; its `answers` are counted."""
    api = schema(mode="positive", with_credentials=False)
    api.config.update(base_url=url)
    for check in ("positive_data_acceptance", "negative_data_rejection"):  # known ids are put into what was drawn
        getattr(api.config.checks, check).enabled = False
    api.hook("flatmap_body")(example_or_drawn)

    class Sequence(api.as_state_machine()):  # type: ignore[misc]
        answers: Counter[tuple[str, int]] = Counter()

        def setup(self) -> None:
            creators = {label for label in self._root_labels if label.startswith("POST ") and "{" not in label}
            self.control = Control(self._transitions, creators)
            make_new(seeds)
            self.shop = Shop(sign_in("admin", "admin"))

        def before_call(self, case: Case) -> None:
            prepare(case)
            case.headers.pop("If-Match", None)
            case.body = self.shop.known.put_into(case.body)
            case.query = self.shop.known.put_into(case.query)

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": self.shop.caller.headers}

        def validate_response(self, response: Any, case: Case, *checks: Any, **options: Any) -> None:
            self.answers[case.operation.label, response.status_code] += 1
            super().validate_response(response, case, *checks, **options)
            self.shop.judge(case, response)

    return Sequence


@pytest.mark.timeout(900)
def test_what_is_created_is_there_until_it_is_deleted(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("stateful", "internal.conjecture.engine"):
        monkeypatch.setattr(f"hypothesis.{module}.BUFFER_SIZE", 1 << 20)  # otherwise large bodies end a sequence
    machine.run(settings=PROFILE)
    done = {label for label, status in machine.answers if status < 300}
    assert len(done) > 20, done
    assert any(label.startswith("DELETE ") for label in done), done
