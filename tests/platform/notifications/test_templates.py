"""Templates: what is taken, what is refused, and that none of it runs."""

import pytest

from apps.platform.operations.notifications import engine, texts, wording
from tests.api import Caller, client_of, errors_of

URL = "/api/v1/notification-templates"
TEXT = {
    "template_key": "new_follower",
    "channel": "EMAIL",
    "locale": "en",
    "subject": "{{ follower_name }} is here",
    "body_template": "Hello{% if follower_name %}, {{ follower_name|upper }}{% endif %}.",
}
HOSTILE = [
    "{{ ''.__class__.__mro__ }}",
    "{{ follower_name.__class__ }}",
    "{{ follower_name['__class__'] }}",
    "{{ follower_name|attr('__class__') }}",
    "{{ follower_name() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'base.html' %}",
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for i in follower_name %}x{% endfor %}",
    "{{ 'x' * 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ follower_name ~ follower_name }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ follower_name|center(1000000000) }}",
    "{{ follower_name|safe }}",
    "{% set x = follower_name %}",
    "{% macro f() %}{{ f() }}{% endmacro %}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    "{{ self }}",
    "{{ request }}",
    "{{ lipsum }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ " + "(" * 5_000 + "follower_name" + ")" * 5_000 + " }}",
    "{% if follower_name %}" * 300 + "{% endif %}" * 300,
    "{{ " + "9" * 5_000 + " }}",
    "{{ follower_name }}" * 300,
    "{{ follower_name",
]


@pytest.fixture
def as_editor(tenant):
    return client_of(tenant, Caller(role="editor"))


class TestLanguage:
    @pytest.mark.parametrize("source", HOSTILE, ids=lambda source: source[:40])
    def test_refuses_what_runs_or_reaches(self, source):
        with pytest.raises(engine.BadTemplate):
            engine.check(source, variables={"follower_name"})

    @pytest.mark.parametrize("source", HOSTILE[:21], ids=lambda source: source[:40])
    def test_does_not_run_it_either_where_it_was_written_by_other_means(self, source):
        try:
            shown = engine.render(source, {"follower_name": "Ada"})
        except engine.BadTemplate:
            return
        assert len(shown) < 200

    def test_a_value_is_no_template(self):
        assert engine.render("{{ a }}", {"a": "{{ b }}"}) == "{{ b }}"

    def test_a_long_value_is_cut(self):
        text = texts.rendered(
            channel="SMS", subject="", body="{{ a }}" * 50, values={"a": "x" * 10_000}
        )

        assert len(text.body) == 480
        assert text.body.endswith("…")

    @pytest.mark.parametrize("key", wording.TEMPLATES)
    def test_the_system_s_own_texts_pass_in_each_language(self, key):
        channels = ["SMS"] if key == "contact_code" else ["EMAIL", "SMS", "PUSH", "IN_APP"]
        for locale in ("en", "de"):
            for channel in channels:
                subject, body = wording.text_of(template_key=key, channel=channel, locale=locale)
                assert not texts.check(
                    channel=channel, template_key=key, subject=subject, body=body
                )


class TestTemplatesApi:
    def test_are_made_changed_shown_and_removed(self, as_editor):
        made = as_editor.post(URL, TEXT)
        assert made.status_code == 201, made.content
        url = f"{URL}/{made.json()['id']}"

        changed = as_editor.patch(url, {"body_template": "Hi {{ follower_name }}"})

        assert changed.status_code == 200
        assert [row["subject"] for row in as_editor.get(URL).json()["results"]] == [TEXT["subject"]]
        assert as_editor.delete(url).status_code == 204
        assert as_editor.get(url).status_code == 404

    def test_an_unknown_variable_is_named(self, as_editor):
        # Where no sample leads to it.
        body = "{% if not follower_name %}{{ pasword }}{% endif %}"

        response = as_editor.post(URL, {**TEXT, "body_template": body})

        assert response.status_code == 422
        assert errors_of(response) == {"body_template"}
        assert "pasword" in response.json()["detail"]
        assert as_editor.get(URL).json()["results"] == []

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"template_key": "nothing"}, "template_key"),
            ({"locale": "../etc"}, "locale"),
            ({"subject": "Hello\nBcc: a@b.example"}, "subject"),
            ({"subject": " "}, "subject"),
            ({"subject": "x" * 201}, "subject"),
            ({"channel": "SMS"}, "subject"),
            ({"channel": "SMS", "subject": "", "body_template": "x" * 481}, "body_template"),
            ({"body_template": "{{ ''.__class__ }}"}, "body_template"),
        ],
    )
    def test_names_the_field_that_is_wrong(self, as_editor, values, field):
        for response in (
            as_editor.post(URL, {**TEXT, **values}),
            *(
                [as_editor.post(f"{URL}/preview", without_locale({**TEXT, **values}))]
                if field != "locale"
                else []
            ),
        ):
            assert response.status_code == 422, response.content
            assert errors_of(response) == {field}

    def test_there_is_one_per_channel_and_language(self, as_editor):
        assert as_editor.post(URL, TEXT).status_code == 201
        assert as_editor.post(URL, TEXT).status_code == 409

    def test_are_previewed_with_samples(self, as_editor):
        response = as_editor.post(f"{URL}/preview", without_locale(TEXT))

        assert response.json() == {"subject": "Ada is here", "body": "Hello, ADA."}

    def test_are_for_editors(self, tenant):
        for caller in (Caller(), Caller(role="support")):
            client = client_of(tenant, caller)
            assert client.get(URL).status_code == 403
            assert client.post(URL, TEXT).status_code == 403


def without_locale(values):
    return {name: value for name, value in values.items() if name != "locale"}
