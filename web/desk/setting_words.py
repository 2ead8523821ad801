"""The words of the section "Settings": what its actions did, statuses, and what its refusals say."""

from durable import Refusal
from web.language import gettext
from web.language import translatable as _

DONE = {
    "endpoint_created": _("The endpoint is created. Its secret was shown once; rotate it if you have not kept it."),
    "endpoint_saved": _("The endpoint is saved."),
    "endpoint_disabled": _("The endpoint is disabled. Nothing is delivered to it until you enable it again."),
    "endpoint_enabled": _("The endpoint is enabled. It receives what happens from now on, and what was pending."),
    "endpoint_deleted": _("The endpoint and its secret are deleted."),
    "secret_rotated": _("The secret is rotated. The new one was shown once; rotate again if you have not kept it."),
    "redelivering": _("The event is being delivered again."),
    "redelivering_period": _("The events of the period are being delivered again."),
    "redelivering_nothing": _("The period has no events of these types. Nothing is delivered."),
    "template_saved": _("The template is saved. Workers use it within five seconds."),
    "template_reset": _("The shop's own template is used again, within five seconds."),
    "template_test": _("The test is being sent to you."),
    "suppression_lifted": _("The address is no longer suppressed. Everything is sent to it again."),
    "role_created": _("The role is created."),
    "role_saved": _("The role is saved. It applies at once to everybody who has it."),
    "role_deleted": _("The role is deleted."),
    "role_granted": _("The role is assigned, effective at once."),
    "role_revoked": _("The role is taken away, effective at once."),
    "second_factor_reset": _(
        "The second factor is removed, and all sessions are ended. The user is notified by e-mail."
    ),
    "sessions_ended": _("All sessions of this account are ended."),
    "confirmation_sent": _("An e-mail that confirms the address is being sent."),
    "key_created": _("The key is created. It was shown once; revoke it and create another if you have not kept it."),
    "key_revoked": _("The key is revoked, effective at once."),
}
"""What an action did → the sentence that says so."""

NAMES = {
    "enabled": _("enabled"), "disabled": _("disabled"), "active": _("active"), "expired": _("expired"),
    "revoked": _("revoked"), "permanent": _("not deliverable"), "complaint": _("complaint"),
}  # fmt: skip
"""Status or kind → words."""
GOOD = ("active", "enabled")

REFUSALS = {
    "builtin_role": _("This role is built in. It cannot be deleted, and that of administrators cannot be changed."),
    "endpoint_disabled": _("The endpoint is disabled. Enable it first."),
    "last_admin": _("This is the last administrator. Make somebody else one first."),
    "not_reachable": _("Add a verified phone number or a device to your account first: the test would go there."),
    "second_factor_disabled": _("This account has no second factor."),
    "too_many_endpoints": _("There are as many endpoints as the shop allows. Delete one first."),
    "too_many_events": _("The period has too many events. Choose a shorter one."),
    "too_many_keys": _("You have as many API keys as the shop allows. Revoke one first."),
}
"""Code → what a refusal says."""


def describe_details(error: Refusal) -> str:
    """What a refusal says that names permissions, or a line of a template; empty: another one."""
    missing, line = error.extra.get("permissions"), error.extra.get("line")
    if error.code == "not_allowed" and missing:
        return gettext("You lack these permissions yourself: %(names)s") % {"names": ", ".join(missing)}
    if error.code != "template_refused":
        return ""
    where = gettext("Subject") if error.extra["field"] == "subject" else gettext("Text")
    if line is None:
        return f"{where}: {error.extra['reason']}"
    return gettext("%(where)s, line %(line)d: %(why)s") % {"where": where, "line": line, "why": error.extra["reason"]}
