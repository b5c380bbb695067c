"""The embedded issuer's addresses: discovery and OIDC, sign-in for apps and browsers, and its pages."""

from django.urls import include, path

urlpatterns = [
    path("", include("allauth.idp.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("accounts/", include("allauth.urls")),
]
