"""Mails, text messages, push notifications, and what they and documents say of the seller."""

import re

from pydantic import BaseModel, Field, field_validator

ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*[^\s?#/])?")


class Messages(BaseModel):
    """Mails, text messages, push notifications, and what they and documents say of the seller."""

    smtp_url: str = Field("", description="smtp://user:password@host:port; empty: the mailbox")
    mail_timeout: float = Field(5.0, gt=0, description="seconds to wait for each response of the mail server")
    mail_from: str = Field("Shopflow <shop@localhost>", description="sender of the shop's mails")
    sms_url: str = Field(
        "",
        pattern=r"^(\S+://\S*\{to\}\S*( \S+://\S*\{to\}\S*)*)?$",
        description="Apprise URL of the SMS provider, with {to} in the place of the number and {id} in that of an "
        "idempotency key, if it takes one; several, separated by spaces, are tried in turn; empty: the mailbox, in "
        "production no text messages",
    )
    sms_timeout: float = Field(5.0, gt=0, description="seconds to wait for each response of the SMS provider")
    staff_phone: str = Field(
        "", pattern=r"^(\+[1-9]\d{6,14})?$", description="number (E.164) of urgent text messages to staff; empty: none"
    )
    vapid_private_key: str = Field(
        "",
        pattern="^([A-Za-z0-9_-]{43})?$",
        description="private key of web push (VAPID, P-256) in base64url; empty in production: no push notifications",
    )
    vapid_subject: str = Field(
        "mailto:shop@localhost.localdomain",
        pattern="^(mailto:|https://).+$",
        description="contact for operators of push services, mailto: or https:",
    )
    push_allow_private: bool = Field(
        False, description="send push notifications to private addresses, and without TLS; for tests only"
    )
    push_timeout: float = Field(5.0, gt=0, description="seconds to wait for the response of a push service")
    seller_name: str = Field("Shopflow", min_length=1, max_length=200, description="the seller's name on invoices")
    seller_address: str = Field("", max_length=500, description="the seller's postal address on invoices")
    seller_tax_id: str = Field("", max_length=50, description="the seller's tax number on invoices; empty: none")
    pdf_fonts: str = Field(
        "", description="paths of TTF files for PDFs, for scripts other than Latin, Greek and Cyrillic; comma-separated"
    )
    public_url: str = Field(
        "",
        description="URL at which browsers see the shop, for cookies, links in mails and the return from payment "
        "pages; empty: no links",
    )
    api_url: str = Field("", description="URL of the API for links in mails; empty in production: none")
    language: str = Field("en", pattern="^[a-z]{2}$", description="language of mails to those who have chosen none")
    staff_email: str = Field("staff@localhost", description="recipient of mails to staff")
    alert_email: str = Field("", description="recipient of alerts for operators; empty: staff_email")
    alert_interval: float = Field(
        30.0, ge=1, description="seconds between two looks for stuck runs and dead dispatchers"
    )
    supplier_email: str = Field("supplier@localhost", description="recipient of purchase orders")

    @field_validator("public_url", "api_url")
    @classmethod
    def _refuse_other_addresses(cls, address: str) -> str:
        """Paths are appended to it."""
        if address and not ADDRESS.fullmatch(address):
            raise ValueError("write it as https://shop.example, without a slash, a query or a fragment at the end")
        return address
