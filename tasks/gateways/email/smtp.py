"""Mail, by SMTP, over one connection that a thread keeps open from mail to mail."""

import smtplib
import socket
import ssl
import threading
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from urllib.parse import unquote, urlsplit

from models.core.errors import GatewayDown, MailRefused
from settings import settings

CONNECT_TIMEOUT = 2.0
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}

_kept = threading.local()


class _SMTP(smtplib.SMTP):
    """Waits for an answer as long as `timeout` says, and for the connection itself as long as CONNECT_TIMEOUT."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened: socket.socket = super()._get_socket(host, port, CONNECT_TIMEOUT)  # type: ignore[misc]
        opened.settimeout(timeout)
        return opened


class _SMTPS(smtplib.SMTP_SSL, _SMTP):
    """The same, over TLS."""


def send(*, to: str, subject: str, text: str, message_id: str, html: str | None = None) -> None:
    """Hands one mail to the mail server, which has it for good when this returns.

    `message_id` is its Message-ID, `<unique@where>` (RFC 5322, section 3.6.4): a second call with the same one
    sends the same mail again, and whoever receives it can tell. Raises GatewayDown when the server can't
    be reached or can't take the mail now, MailRefused when it never will.
    """
    message = compose(to=to, subject=subject, text=text, message_id=message_id, html=html)
    connection = _connection()
    try:
        connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        raise _refusal(code, reason) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailRefused(f"The mail server can't take this address: {error}") from error
    except (OSError, smtplib.SMTPException) as error:
        forget_connection()
        raise GatewayDown(f"The mail server went away: {error}") from error


def compose(*, to: str, subject: str, text: str, message_id: str, html: str | None = None) -> EmailMessage:
    """The mail as it goes over the wire. Raises MailRefused if `to` is not exactly one mail address."""
    message = EmailMessage()
    try:
        message["To"] = Address(addr_spec=to)
    except (MessageError, ValueError, IndexError) as error:
        raise MailRefused(f"{to!r} is not a mail address.") from error
    message["From"] = settings.mail_from
    message["Subject"] = " ".join(subject.split())  # a header is one line (RFC 5322, section 2.2)
    message["Date"] = formatdate()
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's absence note answers (RFC 3834)
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def forget_connection() -> None:
    """Closes this thread's connection, if there is one. The next mail opens another."""
    if connection := getattr(_kept, "connection", None):
        connection.close()
        _kept.connection = None


def _connection() -> smtplib.SMTP:
    """The thread's connection, if the server still answers on it, or a new one."""
    kept: smtplib.SMTP | None = getattr(_kept, "connection", None)
    if kept:
        try:
            if kept.noop()[0] == 250:
                return kept
        except (OSError, smtplib.SMTPException):
            pass  # servers close idle connections; that is no news
        forget_connection()
    try:
        new = _connect()
    except (OSError, smtplib.SMTPException) as error:
        raise GatewayDown(f"The mail server does not answer: {error}") from error
    _kept.connection = new
    return new


def _connect() -> smtplib.SMTP:
    url = urlsplit(settings.smtp)
    where = (url.hostname or "", url.port or PORTS[url.scheme])
    # Without a name of our own, smtplib asks the resolver for one, which can take seconds.
    me = _domain()
    connection = (
        _SMTPS(*where, me, timeout=settings.mail_timeout, context=ssl.create_default_context())
        if url.scheme == "smtps"
        else _SMTP(*where, me, timeout=settings.mail_timeout)
    )
    if url.scheme == "smtp+starttls":
        connection.starttls(context=ssl.create_default_context())
    if url.username:
        connection.login(unquote(url.username), unquote(url.password or ""))
    return connection


def _domain() -> str:
    return parseaddr(settings.mail_from)[1].rpartition("@")[2]


def _refusal(code: int, reason: bytes | str) -> GatewayDown | MailRefused:
    words = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    if code >= 500:
        return MailRefused(f"The mail server refused the mail: {code} {words}")
    return GatewayDown(f"The mail server can't take the mail now: {code} {words}")
