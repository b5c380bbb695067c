"""Addresses of notifications: under /api/v1/, at the root of a tenant's host, and for carriers' reports."""

from typing import Any

from anymail import urls as anymail_urls
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from apps.platform.api.views import notifications as views
from apps.platform.api.views import outside
from apps.platform.api.views import wording as wordings

ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("notifications", views.NotificationViewSet.as_view({"get": "list"}), name="notifications"),
    path(
        "notifications/read-all",
        views.NotificationViewSet.as_view({"post": "read_all"}),
        name="notifications-read-all",
    ),
    path(
        "notifications/<uuid:notification_id>",
        views.NotificationViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="notification",
    ),
    path(
        "notification-preferences",
        views.PreferencesViewSet.as_view({"get": "retrieve", "put": "update"}),
        name="notification-preferences",
    ),
    path(
        "quiet-hours",
        views.QuietHoursViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="quiet-hours",
    ),
    path(
        "contact-points", views.ContactPointViewSet.as_view({"get": "list"}), name="contact-points"
    ),
    path(
        "contact-points/telephones",
        views.ContactPointViewSet.as_view({"post": "add_telephone"}),
        name="telephones",
    ),
    path(
        "contact-points/browsers",
        views.ContactPointViewSet.as_view({"get": "push_key", "post": "add_browser"}),
        name="browsers",
    ),
    path(
        "contact-points/<uuid:contact_point_id>",
        views.ContactPointViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="contact-point",
    ),
    path(
        "contact-points/<uuid:contact_point_id>/code",
        views.ContactPointViewSet.as_view({"post": "send_code"}),
        name="contact-point-code",
    ),
    path(
        "contact-points/<uuid:contact_point_id>/verify",
        views.ContactPointViewSet.as_view({"post": "verify"}),
        name="contact-point-verify",
    ),
    path(
        "notification-templates",
        wordings.TemplateViewSet.as_view({"get": "list", "post": "create"}),
        name="notification-templates",
    ),
    path(
        "notification-templates/system",
        wordings.TemplateViewSet.as_view({"get": "system"}),
        name="notification-templates-system",
    ),
    path(
        "notification-templates/preview",
        wordings.TemplateViewSet.as_view({"post": "preview"}),
        name="notification-templates-preview",
    ),
    path(
        "notification-templates/<uuid:template_id>",
        wordings.TemplateViewSet.as_view(ONE),
        name="notification-template",
    ),
    path("suppressions", wordings.SuppressionViewSet.as_view({"get": "list"}), name="suppressions"),
    path(
        "suppressions/<uuid:suppression_id>",
        wordings.SuppressionViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="suppression",
    ),
]

# Where the links in emails lead.
root_urlpatterns = [path("unsubscribe/<str:token>", outside.unsubscribe, name="unsubscribe")]

# On the platform's own host alone: carriers know nothing of tenants' hosts.
report_urlpatterns: list[URLPattern | URLResolver] = [
    path("reports/twilio/<uuid:tenant_id>", outside.take_twilio_report, name="twilio-reports")
]
if settings.EMAIL_REPORTS_SECRET:
    _reports = [each for each in anymail_urls.urlpatterns if "inbound" not in str(each.name)]
    report_urlpatterns.append(path("reports/email/", include((_reports, "anymail"))))
