"""Invariants of the names by which accounts are found."""

from models.operations.invariant import Invariant

_SEEN = """SELECT 'usr_' || replace(id::text, '-', '') AS example, {bad} AS bad FROM accounts."user" """
_LATER = "E'\\n'"  # between the key and the exact spelling of a name that an older account has

PEOPLE = (
    Invariant(
        "accounts are found by their names",
        "count(*) AS accounts",
        _SEEN.format(
            bad=" OR ".join(
                # SQL cannot fold: names that are not ASCII are not checked.
                f"""{key} NOT IN (lower({name} COLLATE "C"), lower({name} COLLATE "C") || {_LATER} || {name})
                AND octet_length({name}) = length({name})"""
                for name, key in (("username", "username_key"), ("email", "email_key"))
            )
        ),
    ),
    Invariant(
        "accounts whose name an older account has",
        "count(*) FILTER (WHERE bad) AS accounts",
        _SEEN.format(bad=f"position({_LATER} IN username_key || email_key) > 0"),
        notice=True,
    ),
)
