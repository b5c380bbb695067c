"""Emails: through Django's backends, among which django-anymail's speak to every large provider."""

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from typing import Any
from uuid import UUID

from anymail.exceptions import AnymailInvalidAddress, AnymailRecipientsRefused
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils.html import escape, urlize

from apps.platform.ports.carried import Outcome

_PERMANENT = 500
_HTML = '<!doctype html><html lang="{locale}"><body style="font-family:sans-serif">{body}{end}</body></html>'


@dataclass(frozen=True, slots=True)
class Email:
    """What is to be sent. `id` and `tenant_id` come back in the provider's reports."""

    id: UUID
    tenant_id: UUID
    to: str
    sender_name: str
    subject: str
    body: str
    unsubscribe_url: str = ""
    locale: str = "en"


class Mailbag:
    """A connection that several emails share; one that broke is made anew for the next."""

    def __init__(self) -> None:
        self._connection: Any = None

    def send(self, email: Email) -> Outcome:
        """Send an email, and return what came of it; whatever goes wrong is in the answer.

        It has the same Message-ID whenever it is sent.
        """
        try:
            if self._connection is None:
                self._connection = get_connection()
                self._connection.open()
            message = _message(email, self._connection)
            message.send()
        except Exception as error:  # noqa: BLE001 - each backend has its own errors, and none may stop the others' emails
            self.close()
            return Outcome(error=_said(error), is_final=_is_final(error))
        status = getattr(message, "anymail_status", None)
        return Outcome(message_id=str(getattr(status, "message_id", "") or message_id_of(email.id)))

    def close(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.close()
        except (OSError, smtplib.SMTPException):
            # It had broken before.
            return


def message_id_of(notification_id: UUID) -> str:
    """Return the Message-ID of the email that tells of a notification."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{notification_id}@{domain}>"


def _message(email: Email, connection: Any) -> EmailMultiAlternatives:
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    headers: dict[str, str] = {"Message-ID": message_id_of(email.id)}
    text = email.body
    if email.unsubscribe_url:
        headers |= _unsubscribe_headers(email.unsubscribe_url)
        text = f"{text}\n\n-- \n{email.unsubscribe_url}\n"
    message = EmailMultiAlternatives(
        subject=email.subject,
        body=text,
        from_email=formataddr((" ".join(email.sender_name.split()), address)),
        to=[email.to],
        headers=headers,
        connection=connection,
    )
    message.attach_alternative(_html(email), "text/html")
    # What django-anymail gives the provider to say again in its reports; other backends look at neither.
    message.metadata = {"tenant": str(email.tenant_id), "notification": str(email.id)}  # type: ignore[attr-defined]
    return message


def _unsubscribe_headers(url: str) -> Mapping[str, str]:
    """Return what a mail program needs for its own button (RFC 8058)."""
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _html(email: Email) -> str:
    """Return the text as HTML, in which nothing of it is markup."""
    paragraphs = email.body.split("\n\n")
    body = "".join(
        f"<p>{urlize(paragraph, nofollow=True, autoescape=True)}</p>".replace("\n", "<br>")
        for paragraph in paragraphs
    )
    url = escape(email.unsubscribe_url)
    end = f'<hr><p><a href="{url}">{url}</a></p>' if url else ""
    return _HTML.format(locale=escape(email.locale), body=body, end=end)


def _is_final(error: Exception) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in error.recipients.values())
    return isinstance(error, AnymailRecipientsRefused | AnymailInvalidAddress)


def _said(error: Exception) -> str:
    """Return what is kept of a failure: its kind and code, and no address."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        return f"The server refused the recipient ({', '.join(map(str, codes))})."
    code = getattr(error, "smtp_code", None) or getattr(error, "status_code", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}"
