"""Mail by SMTP, over one connection per thread that is kept open."""

import select
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from email.errors import MessageError
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formatdate, parseaddr
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from models.core.errors import GatewayDown, MailRefused
from settings import settings

CONNECT_TIMEOUT = 2.0
CHECK_AFTER_IDLE = 1.0  # seconds of idle time after which the server is asked whether a connection is alive
TYPES = {
    "html": "text/html",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}

_local = threading.local()


class _SMTP(smtplib.SMTP):
    """Uses CONNECT_TIMEOUT for the connection and `timeout` for each response."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened: socket.socket = super()._get_socket(host, port, CONNECT_TIMEOUT)  # type: ignore[misc]
        opened.settimeout(timeout)
        return opened


class _SMTPS(smtplib.SMTP_SSL, _SMTP):
    """SMTP over TLS, with the same timeouts."""


class _Headers(HeaderRegistry):
    """Makes the class of each kind of header once. HeaderRegistry makes it for each header: a third of the time that a
    mail with an attachment takes."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        kind = name.lower()
        if kind not in self._made:
            self._made[kind] = super().__getitem__(name)
        return self._made[kind]


POLICY = EmailPolicy(header_factory=_Headers())

Files = Sequence[tuple[str, bytes]]
"""Files to attach: name and content. The ending of the name says what they are."""


def send(
    *, to: str, subject: str, text: str, message_id: str, html: str | None = None, files: Files = (),
    unsubscribe: str = "",
) -> None:  # fmt: skip
    """Sends one mail. When this returns, the mail server has accepted responsibility for it.

    `message_id` is its Message-ID, `<unique@domain>` (RFC 5322, section 3.6.4). A repeated call with the same id sends
    the same mail again, and recipients can detect the duplicate. `unsubscribe`: the URL that unsubscribes by one click
    (RFC 8058), or empty. Raises GatewayDown if the server cannot be reached or refuses temporarily, MailRefused if it
    refuses permanently.
    """
    message = compose(
        to=to, subject=subject, text=text, message_id=message_id, html=html, files=files, unsubscribe=unsubscribe
    )
    connection = _connection()
    try:
        connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        raise _refusal(code, reason, of_address=True) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailRefused(f"The mail server does not support the address: {error}") from error
    except (OSError, smtplib.SMTPException) as error:
        close_connection()
        raise GatewayDown(f"The connection to the mail server was lost: {error}") from error
    finally:
        _local.resting_since = time.monotonic()


def compose(
    *, to: str, subject: str, text: str, message_id: str, html: str | None = None, files: Files = (),
    unsubscribe: str = "",
) -> EmailMessage:  # fmt: skip
    """Composes the message. Raises MailRefused if `to` is not exactly one mail address."""
    message = EmailMessage(POLICY)
    try:
        message["To"] = Address(addr_spec=to)
    except (MessageError, ValueError, IndexError) as error:
        raise MailRefused(f"{to!r} is not a valid mail address.", of_address=True) from error
    message["From"] = settings.mail_from
    message["Subject"] = " ".join(subject.split())  # a header is one line (RFC 5322, section 2.2)
    message["Date"] = formatdate()
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # suppresses automatic replies (RFC 3834)
    if unsubscribe:
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text)
    if html is not None:
        message.make_alternative(uuid4().hex)  # Python would search all parts for a boundary that they do not have
        message.add_alternative(html, subtype="html")
    if files:
        message.make_mixed(uuid4().hex)
    for name, content in files:
        maintype, _, subtype = TYPES[name.rpartition(".")[2]].partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message


def close_connection() -> None:
    """Closes this thread's connection, if any. The next mail opens a new one."""
    if connection := getattr(_local, "connection", None):
        connection.close()
        _local.connection = None


def _connection() -> smtplib.SMTP:
    """Returns the thread's connection if it is alive, or a new one."""
    connection: smtplib.SMTP | None = getattr(_local, "connection", None)
    if connection:
        try:
            if _is_quiet(connection) or connection.noop()[0] == 250:
                return connection
        except (OSError, smtplib.SMTPException):
            pass  # servers close idle connections; this is expected
        close_connection()
    try:
        new = _connect()
    except (OSError, smtplib.SMTPException) as error:
        raise GatewayDown(f"The mail server does not respond: {error}") from error
    _local.connection = new
    return new


def _is_quiet(connection: smtplib.SMTP) -> bool:
    """Whether a connection was used just now, and the server has neither closed it nor said anything since.

    That can be seen without a round trip, which takes a fifth of the time of a mail.
    """
    if connection.sock is None or time.monotonic() - _local.resting_since > CHECK_AFTER_IDLE:
        return False
    news = select.poll()
    news.register(connection.sock, select.POLLIN)
    return not news.poll(0)


def _connect() -> smtplib.SMTP:
    url = urlsplit(settings.smtp)
    where = (url.hostname or "", url.port or PORTS[url.scheme])
    # Without a local host name, smtplib queries the resolver for one, which can take seconds.
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


def _refusal(code: int, reason: bytes | str, *, of_address: bool = False) -> GatewayDown | MailRefused:
    words = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    if code >= 500:
        return MailRefused(f"The mail server refused the mail permanently: {code} {words}", of_address=of_address)
    return GatewayDown(f"The mail server refused the mail temporarily: {code} {words}")
