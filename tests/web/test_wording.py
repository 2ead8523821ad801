"""What refusals say on pages, in each language."""

import re
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, ValidationError, fields, validate

from models.orders.tables import ORDER_STATUS
from serving.bounds import flatten_messages
from tests.web.test_language import OTHERS
from web.desk import words
from web.language import gettext
from web.refusals import API_ONLY, DETAILS, REFUSALS
from web.wording import CODES, describe_field, describe_problem, describe_refusal

ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"
KNOWN = set(re.findall(r"^### `(\w+)`$", ERRORS.read_text(), re.MULTILINE))
"""Every code that the source can return: tests/api/test_error_codes.py compares them."""


def test_every_code_that_a_page_can_get_has_a_text() -> None:
    assert KNOWN - CODES.keys() - REFUSALS.keys() - API_ONLY - words.REFUSALS.keys() == set()


def test_no_code_has_two_texts_or_none_any_more() -> None:
    assert REFUSALS.keys() & CODES.keys() == set()
    assert API_ONLY & (REFUSALS.keys() | CODES.keys()) == set()
    assert (REFUSALS.keys() | API_ONLY) - KNOWN == set()


@pytest.mark.parametrize("language", OTHERS)
def test_refusals_are_in_the_language_of_the_page(app: Any, language: str) -> None:
    with app.test_request_context(headers={"Accept-Language": language}):
        for code in (CODES.keys() | REFUSALS.keys()) & KNOWN:
            said = describe_refusal(code, "An English sentence.")
            assert said not in ("An English sentence.", CODES.get(code), REFUSALS.get(code)), code
            assert describe_problem(409, {"code": code, "detail": "An English sentence."})[1] == said
        for code, sentence in words.REFUSALS.items():
            assert gettext(sentence) != sentence, code
        for sentence in DETAILS:
            assert describe_refusal("invalid_fields", sentence) == gettext(sentence) != sentence


def test_english_pages_show_the_sentence_with_names_and_numbers(app: Any) -> None:
    with app.test_request_context():
        refusal = ORDER_STATUS.refusal("delivered")
        assert describe_refusal("sku_taken", "A product with the SKU X exists.") == "A product with the SKU X exists."
        assert describe_refusal(refusal.code, refusal.detail) == CODES["wrong_state"]


@pytest.mark.parametrize(
    ("field", "value", "english", "german"),
    [
        (
            fields.String(validate=validate.Length(3, 9)),
            "x",
            "Use 3 to 9 characters.",
            "Verwenden Sie 3 bis 9 Zeichen.",
        ),
        (fields.String(validate=validate.Length(max=1)), "xx", "Use at most 1 characters.", "höchstens 1 Zeichen."),
        (fields.String(validate=validate.Length(min=3)), "xx", "Use at least 3 characters.", "mindestens 3 Zeichen."),
        (fields.Integer(validate=validate.Range(1, 5)), 7, "Use a number from 1 to 5.", "eine Zahl von 1 bis 5."),
        (fields.Integer(validate=validate.Range(1)), 0, "Use 1 or more.", "Verwenden Sie 1 oder mehr."),
        (fields.Integer(validate=validate.Range(max=1)), 2, "Use 1 or less.", "Verwenden Sie 1 oder weniger."),
        (fields.Integer(), "x", "This is not a number.", "Das ist keine Zahl."),
        (fields.Date(), "x", "This is not a date.", "Das ist kein Datum."),
        (fields.Boolean(), "x", "This cannot be used here.", "Das ist hier nicht möglich."),
        (fields.String(validate=validate.OneOf("ab")), "x", "This cannot be used here.", "Das ist hier nicht möglich."),
        (fields.String(), None, "This cannot be used here.", "Das ist hier nicht möglich."),
    ],
)
def test_what_is_wrong_with_a_field_is_said_in_the_language_of_the_page(
    app: Any, field: fields.Field[Any], value: object, english: str, german: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Schema.from_dict({"field": field})().load({"field": value})
    message = flatten_messages(refused.value.messages)["field"][0]
    with app.test_request_context():
        assert describe_field(message) == english
    with app.test_request_context(headers={"Accept-Language": "de"}):
        assert describe_field(message).endswith(german)


def test_a_page_does_not_refer_to_what_only_a_problem_document_has(app: Any) -> None:
    problem = {"code": "invalid_fields", "detail": "Some fields are invalid; see errors."}
    with app.test_request_context():
        assert describe_problem(422, problem)[1] == "A value in the address or in the form cannot be used."
