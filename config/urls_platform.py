"""The addresses of the platform's own host: the API, for callers that send X-Tenant, and the control plane's admin."""

from django.urls import path

from apps.platform.api import notification_urls
from apps.tenancy.admin_site import platform_site
from config import urls

urlpatterns = [
    *urls.urlpatterns,
    *notification_urls.report_urlpatterns,
    path("admin/", platform_site.urls),
]

handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500
