"""The addresses of a tenant's host, and of the platform's host with X-Tenant: the API and the tenant's admin."""

from django.urls import path

from apps.tenancy.admin_site import tenant_site
from config import urls

urlpatterns = [*urls.urlpatterns, path("admin/", tenant_site.urls)]

handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500
