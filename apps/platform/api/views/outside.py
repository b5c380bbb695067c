"""What comes without a token: links in emails, and what carriers report of messages they took."""

from typing import Any
from uuid import UUID

from anymail.signals import tracking
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from apps.kernel.errors import NotFound
from apps.platform.models import Channel
from apps.platform.operations.notifications import note_report, unsubscribing
from apps.platform.ports import sms
from apps.tenancy import binding
from apps.tenancy.models import Tenant

_PAGE = (
    '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">'
    '<meta name="robots" content="noindex"><title>{title}</title>'
    '<body style="font-family:sans-serif;max-width:32em;margin:4em auto">{content}</body></html>'
)
_ASK = (
    "<h1>Unsubscribe</h1><p>You will get no more emails of this kind from {tenant}.</p>"
    '<form method="post"><button>Unsubscribe</button></form>'
)
_DONE = "<h1>Done</h1><p>You will get no more emails of this kind from {tenant}.</p>"

# What ends an address, by what django-anymail calls it.
_EMAIL_REPORTS = {"bounced": "BOUNCED", "complained": "COMPLAINED"}
_NOT_DELIVERED = frozenset({"failed", "undelivered"})


# Its token says who may: a mail program's button (RFC 8058) has no cookie and no form of ours.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, and on POST switch emails of a topic off. Looking alone does nothing: scanners look."""
    tenant: Any = request.tenant  # type: ignore[attr-defined]
    if tenant is None:
        raise Http404
    try:
        link = unsubscribing.read(token, tenant_id=tenant.id)
    except NotFound as error:
        raise Http404 from error
    content = _ASK
    if request.method == "POST":
        with binding.bind(tenant, writes="platform"):
            unsubscribing.unsubscribe(link, left_at=timezone.now())
        content = _DONE
    page = format_html(_PAGE, title="Unsubscribe", content=format_html(content, tenant=tenant.name))
    response = HttpResponse(page)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


@csrf_exempt
@require_POST
def take_twilio_report(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    """Take what Twilio says became of a text message; what it did not sign is refused."""
    form = {name: str(value) for name, value in request.POST.items()}
    is_signed = sms.is_signed_by_twilio(
        url=sms.reports_url(tenant_id),
        form=form,
        signature=request.headers.get("X-Twilio-Signature", ""),
    )
    if not is_signed:
        return HttpResponseForbidden()
    tenant = Tenant.objects.filter(id=tenant_id).first()
    code = form.get("ErrorCode", "")
    is_final = code.isdecimal() and int(code) in sms.FINAL_CODES
    if tenant and form.get("MessageStatus") in _NOT_DELIVERED:
        with binding.bind(tenant, writes="platform"):
            note_report(
                channel=Channel.SMS,
                address=form.get("To", "") if is_final else "",
                reason="REFUSED",
                provider_message_id=form.get("MessageSid", ""),
                at=timezone.now(),
            )
    return HttpResponse(status=204)


@receiver(tracking, dispatch_uid="platform.email_reports")
def take_email_report(sender: Any, event: Any, esp_name: str, **kwargs: Any) -> None:
    """Take what an email provider says became of an email of ours; its metadata says whose."""
    reason = _EMAIL_REPORTS.get(event.event_type)
    said = event.metadata or {}
    if reason is None or not event.recipient:
        return
    try:
        tenant_id, notification_id = UUID(said["tenant"]), UUID(said["notification"])
    except (KeyError, ValueError, TypeError, AttributeError):
        # It was sent by another part of the platform, or by somebody else with the same account.
        return
    tenant = Tenant.objects.filter(id=tenant_id).first()
    if tenant is None:
        return
    with binding.bind(tenant, writes="platform"):
        note_report(
            channel=Channel.EMAIL,
            address=event.recipient,
            reason=reason,
            notification_id=notification_id,
            at=timezone.now(),
        )
