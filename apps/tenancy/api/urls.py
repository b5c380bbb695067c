"""Addresses of the control plane's API."""

from typing import Any

from django.urls import path

from apps.tenancy.api import invitations, issuers, members

LIST: dict[str, Any] = {"get": "list"}
DETAIL = {"get": "retrieve"}

urlpatterns = [
    path("members", members.MemberView.as_view(LIST)),
    path("members/transfer-ownership", members.MemberView.as_view({"post": "transfer"})),
    path(
        "members/<uuid:pk>",
        members.MemberView.as_view({**DETAIL, "patch": "partial_update", "delete": "destroy"}),
    ),
    path("invitations", invitations.InvitationView.as_view({**LIST, "post": "create"})),
    path("invitations/accept", invitations.AnswerView.as_view({"post": "accept"})),
    path("invitations/decline", invitations.AnswerView.as_view({"post": "decline"})),
    path(
        "invitations/<uuid:pk>",
        invitations.InvitationView.as_view({**DETAIL, "delete": "destroy"}),
    ),
    path("issuers", issuers.IssuerView.as_view({**LIST, "post": "create"})),
    path(
        "issuers/<uuid:pk>",
        issuers.IssuerView.as_view({**DETAIL, "patch": "partial_update", "delete": "destroy"}),
    ),
]
