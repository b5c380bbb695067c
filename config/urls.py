"""Every address Quintet answers on."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from apps.kernel.api import errors, problem_pages, welcome
from apps.platform.api import notification_urls
from apps.users.api import urls as users_urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.tenancy.identity.urls")),
    path("api/v1/", include("apps.tenancy.api.urls")),
    path("api/v1/", include("apps.users.api.urls")),
    path("api/v1/", include("apps.platform.api.urls")),
    path("api/v1/", include("apps.commerce.api.urls")),
    path("api/v1/audit/", include("apps.audit.api.urls")),
    *users_urls.root_urlpatterns,
    *notification_urls.root_urlpatterns,
    path("api/openapi.yaml", SpectacularAPIView.as_view(), name="openapi"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    path("problems/", problem_pages.listing, name="problems"),
    path("problems/<slug:slug>", problem_pages.page, name="problem"),
    path("", welcome.page, name="welcome"),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
