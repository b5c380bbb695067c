"""What nobody declared is refused: views, models, tasks and apps must all say where they stand."""

from collections.abc import Iterator
from typing import Any

import pytest
import zeal
from django.apps import apps
from django.core.checks import Error, run_checks
from django.core.signals import request_started
from django.db import models
from django.test.utils import isolate_apps
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from apps.kernel.references import ReferenceField
from apps.tenancy import binding, checks
from apps.tenancy.api.permissions import Declared, Denied
from apps.tenancy.api.views import ContextView, PlatformView
from apps.tenancy.models import TenantModel
from apps.tenancy.tasks import TaskWithoutTenant, TenantTask
from apps.users.models import FanFollow
from config.celery import app
from config.databases import ALIAS_OF_LABEL, CONTEXTS, SHARED_LABELS
from tests.factories import FollowFactory

DOCUMENTATION = {"SpectacularAPIView", "SpectacularSwaggerView"}


def api_patterns(
    patterns: Any = None, prefix: str = ""
) -> Iterator[tuple[str, type[APIView], dict[str, str]]]:
    """Every address that a DRF view answers on: (path, view, method -> action)."""
    for pattern in patterns or get_resolver("config.urls_tenant").url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from api_patterns(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if view is not None and issubclass(view, APIView):
                yield path, view, getattr(pattern.callback, "actions", {}) or {}


ROUTES = [route for route in api_patterns() if route[1].__name__ not in DOCUMENTATION]


class TestViews:
    def test_there_are_some(self) -> None:
        assert len(ROUTES) > 20

    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {sorted(route[2])}")
    def test_declares_access_for_every_action(self, route: Any) -> None:
        path, view, actions = route

        assert issubclass(view, PlatformView), f"{path} does not come from our base view"
        undeclared = {action for action in actions.values() if action not in view.access}
        assert not undeclared, f"{view.__name__} declares no access for {undeclared}"
        assert view.permission_classes == [Declared]

    @pytest.mark.parametrize(
        "view",
        sorted(
            {route[1] for route in ROUTES if issubclass(route[1], ContextView)},
            key=lambda view: view.__name__,
        ),
    )
    def test_a_context_view_names_its_context(self, view: type[ContextView]) -> None:
        assert view.context in CONTEXTS

    def test_a_view_without_a_declaration_lets_nobody_in(self) -> None:
        class Careless(APIView):
            authentication_classes: list[Any] = []
            throttle_classes: list[Any] = []

            def get(self, request: Any) -> None:
                raise AssertionError("was let in")

        response = Careless.as_view()(APIRequestFactory().get("/"))

        assert response.status_code in {401, 403}
        assert Careless.permission_classes == [Denied]

    def test_an_undeclared_action_is_refused(self) -> None:
        class Forgetful(PlatformView):
            authentication_classes: list[Any] = []
            throttle_classes: list[Any] = []
            requires_tenant = False

            def list(self, request: Any) -> None:
                raise AssertionError("was let in")

        request = APIRequestFactory().get("/")
        request.tenant = None
        response = Forgetful.as_view({"get": "list"})(request)

        assert response.status_code in {401, 403}


class TestModels:
    def test_the_whole_project_passes_the_checks(self) -> None:
        assert [message for message in run_checks() if message.level >= Error("x").level] == []

    def test_every_app_with_models_has_a_database(self) -> None:
        labels = {model._meta.app_label for model in apps.get_models(include_auto_created=True)}

        assert labels <= set(ALIAS_OF_LABEL) | SHARED_LABELS

    @isolate_apps("apps.users")
    def test_a_model_without_a_tenant_is_reported(self) -> None:
        class Stray(models.Model):
            class Meta:
                app_label = "users"

        assert [fault.id for fault in checks.faults_of(Stray)] == ["tenancy.E001"]

    @isolate_apps("apps.users")
    def test_an_automatic_many_to_many_is_reported(self) -> None:
        class Left(TenantModel):
            class Meta:
                app_label = "users"

        class Right(TenantModel):
            lefts = models.ManyToManyField(Left)

            class Meta:
                app_label = "users"

        through = Right.lefts.through
        assert [fault.id for fault in checks.faults_of(through)] == ["tenancy.E002"]

    @isolate_apps("apps.users")
    def test_table_inheritance_is_reported(self) -> None:
        class Parent(TenantModel):
            class Meta:
                app_label = "users"

        class Child(Parent):
            class Meta:
                app_label = "users"

        assert [fault.id for fault in checks.faults_of(Child)] == ["tenancy.E003"]

    @isolate_apps("apps.users", "apps.tenancy")
    def test_a_foreign_key_into_another_context_is_reported(self) -> None:
        class Far(TenantModel):
            class Meta:
                app_label = "tenancy"

        class Near(TenantModel):
            far = models.ForeignKey(Far, on_delete=models.PROTECT)

            class Meta:
                app_label = "users"

        assert "tenancy.E004" in [fault.id for fault in checks.faults_of(Near)]

    @isolate_apps("apps.users")
    def test_a_reference_to_what_nobody_offers_is_reported(self) -> None:
        class Hopeful(TenantModel):
            thing_id = ReferenceField("nowhere.Thing")

            class Meta:
                app_label = "users"

        assert [fault.id for fault in checks.faults_of(Hopeful)] == ["tenancy.E007"]


def our_tasks() -> list[Any]:
    app.loader.import_default_modules()
    return [task for name, task in app.tasks.items() if not name.startswith("celery.")]


class TestTasks:
    def test_every_task_is_bound_or_says_why_not(self) -> None:
        tasks = our_tasks()

        assert tasks
        assert all(isinstance(task, TenantTask) for task in tasks)

    @pytest.mark.parametrize("task", [task for task in our_tasks() if not task.tenantless])
    def test_a_task_without_a_tenant_is_not_sent(self, task: TenantTask) -> None:
        with pytest.raises(TaskWithoutTenant):
            task.send()
        with pytest.raises(TaskWithoutTenant):
            task.delay()


class TestNPlusOne:
    def test_of_a_request_is_an_error(self, tenant: Any) -> None:
        with binding.bind(tenant, writes="users"):
            FollowFactory.create_batch(3)

        request_started.send(sender=None)
        try:
            with binding.bind(tenant), pytest.raises(zeal.NPlusOneError):
                [follow.celebrity.display_name for follow in FanFollow.objects.all()]
        finally:
            zeal.teardown()
