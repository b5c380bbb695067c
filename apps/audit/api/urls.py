"""Addresses of the audit log, under /api/v1/audit/."""

from typing import Any

from django.urls import path

from apps.audit.api import views

LIST: dict[str, Any] = {"get": "list"}

urlpatterns = [
    path("<str:database>/entries", views.EntryView.as_view(LIST)),
    path("<str:database>/entries/<uuid:entry_id>", views.EntryView.as_view({"get": "retrieve"})),
    path(
        "<str:database>/entries/<uuid:entry_id>/receipt",
        views.ReceiptView.as_view({"get": "retrieve"}),
    ),
    path(
        "<str:database>/history/<str:entity_type>/<str:entity_id>",
        views.HistoryView.as_view(LIST),
    ),
    path("<str:database>/export", views.ExportView.as_view({"get": "export"})),
    path("<str:database>/seals", views.SealView.as_view(LIST)),
]
