"""Names that read the same are the same name: for lookup, uniqueness, throttles and suppressions."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models import accounts, notifications
from models.accounts import users
from models.core.database import transaction
from models.core.errors import Conflict
from models.core.folding import fold, fold_exactly, skeleton
from tests.models.plans import Explain, nodes
from tests.shopping import make_customer

ALIKE = [
    ("ada@example.org", "ADA@Example.ORG"),
    ("ada@example.org", "ａｄａ@example.org"),  # noqa: RUF001, full-width letters
    ("kelvin@example.org", "\u212aelvin@example.org"),
    ("strasse@example.org", "straße@example.org"),
    ("strasse@example.org", "STRA\u1e9eE@example.org"),
    ("caf\u00e9@example.org", "cafe\u0301@example.org"),
    ("ﬁn@example.org", "FIN@example.org"),
    ("σς@example.org", "ΣΣ@example.org"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_spellings_of_a_name_have_one_key(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("i", "İ"), ("i", "ı"), ("o", "ø"), ("e", "é"), ("a", "а")])  # noqa: RUF001
def test_different_letters_have_different_keys(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_the_key_of_every_letter_is_its_own_key() -> None:
    letters = (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    assert [letter for letter in letters if fold(fold(letter)) != fold(letter)] == []


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(text.upper()) == fold(fold(text).upper())


@pytest.mark.parametrize(("one", "other"), [("paypal", "paypa1"), ("paypal", "PAYPAI"), ("o0", "00"), ("tom", "torn")])
def test_usernames_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)
    assert skeleton("ada") != skeleton("bob")


def give_address(session: Session, user_id: str, email: str) -> None:
    user = users.lock(session, user_id)
    user.email = email
    users.flush(session, user)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_an_address_is_found_and_taken_in_every_spelling(database: None, one: str, other: str) -> None:
    user_id = make_customer("first")
    with transaction() as session:
        give_address(session, user_id, one)
        assert accounts.find_id(session, other) == user_id
        assert accounts.find_credentials(session, other).user_id == user_id
        assert session.scalars(accounts.find_users(other[:6], None)).all() == [accounts.get(session, user_id)]
    second = make_customer("second")
    with pytest.raises(Conflict) as refused, transaction() as session:
        give_address(session, second, other)
    assert refused.value.code == "email_taken"


def test_an_address_is_suppressed_in_every_spelling(database: None) -> None:
    for one, other in ALIKE:
        with transaction() as session:
            notifications.suppress(session, one, "refused", "550")
            assert notifications.is_suppressed(session, other)
            assert notifications.lift_suppression(session, other)
            assert not notifications.is_suppressed(session, one)


def test_a_username_that_looks_like_another_is_refused(database: None) -> None:
    make_customer("paypal")
    for name in ("paypa1", "PAYPAI"):
        with pytest.raises(Conflict) as refused:
            make_customer(name)
        assert refused.value.code == "username_looks_taken"
    user_id = make_customer("other")
    with pytest.raises(Conflict) as refused, transaction() as session:
        accounts.update_profile(session, user_id, {"username": "PayPa1"})
    assert refused.value.code == "username_looks_taken"


def test_a_last_name_is_found_in_every_spelling(database: None) -> None:
    user_id = make_customer("first")
    with transaction() as session:
        accounts.update_profile(session, user_id, {"last_name": "Weiß"})
        assert session.scalars(accounts.find_users("WEISS", None)).all() == [accounts.get(session, user_id)]


def test_an_account_whose_name_an_older_one_has_is_found_by_its_exact_spelling(database: None) -> None:
    older, younger = make_customer("older"), make_customer("younger")
    with transaction() as session:
        give_address(session, older, "straße@example.org")
        user = accounts.get(session, younger)
        user.email = "strasse@example.org"
        user.email_key = fold_exactly(user.email)  # as the migration does
    with transaction() as session:
        found = {spelling: accounts.find_id(session, f"{spelling}@example.org") for spelling in ("strasse", "STRASSE")}
        assert found == {"strasse": younger, "STRASSE": older}
        accounts.update_profile(session, younger, {"first_name": "Bob"})
        assert accounts.get(session, younger).first_name == "Bob"


def test_a_name_is_looked_up_by_its_indexes(database: None) -> None:
    with transaction() as session:
        user = accounts.User
        asked = users.prefer_exact(select(user.username), "ada", user.username_key, user.email_key)
        session.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty
        plan = session.execute(Explain(asked)).scalar_one()[0]["Plan"]
    assert {node["Index Name"] for node in nodes(plan) if "Index Name" in node} == {
        "uq_user_username_key", "uq_user_email_key",
    }  # fmt: skip
