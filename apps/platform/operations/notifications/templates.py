"""A tenant's own wording: checked when it is saved, so that sending never meets a surprise."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.kernel.errors import Conflict, NotFound, Problem
from apps.kernel.refusals import refusing
from apps.platform.models import NotificationTemplate
from apps.platform.operations.notifications import texts, wording
from apps.platform.operations.notifications.texts import Text

LOCALE_PATTERN = r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?"


class TemplateRefused(Problem):
    """A text that is not in the language of templates, or does not fit its channel."""

    status = 422
    slug = "template-refused"
    title = "The template can't be taken."


class TemplateTaken(Conflict):
    """There is one for this channel and language."""

    slug = "template-taken"
    title = "There is such a template already."


def create_template(*, values: Mapping[str, Any], created_at: datetime) -> NotificationTemplate:
    """Give a tenant its own text of a template, for a channel and a language.

    :param values: template_key, channel, locale, subject, body_template.
    :raises TemplateRefused: names the field, and the variable that is wrong.
    :raises TemplateTaken: there is one.
    """
    template = NotificationTemplate(**values, created_on=created_at, updated_at=created_at)
    _check(template)
    return _saved(template)


def change_template(
    *, template_id: UUID, changes: Mapping[str, Any], changed_at: datetime
) -> NotificationTemplate:
    """Change a tenant's text.

    :raises NotFound: there is none.
    :raises TemplateRefused: names the field, and the variable that is wrong.
    :raises TemplateTaken: there is another one for the channel and the language.
    """
    template = NotificationTemplate.objects.select_for_update().filter(id=template_id).first()
    if template is None:
        raise NotFound
    for name, value in changes.items():
        setattr(template, name, value)
    template.updated_at = changed_at
    _check(template)
    return _saved(template)


def remove_template(*, template_id: UUID) -> None:
    """Go back to the system's text.

    :raises NotFound: there is none.
    """
    if not NotificationTemplate.objects.filter(id=template_id).delete()[0]:
        raise NotFound


def preview(*, template_key: str, channel: str, subject: str, body: str) -> Text:
    """Return a text as somebody would read it, with sample values.

    :raises TemplateRefused: names the field, and the variable that is wrong.
    """
    _refuse(_faults(template_key=template_key, channel=channel, subject=subject, body=body))
    return texts.rendered(
        channel=channel, subject=subject, body=body, values=texts.values_of(template_key)
    )


def _check(template: NotificationTemplate) -> None:
    faults = _faults(
        template_key=template.template_key,
        channel=template.channel,
        subject=template.subject,
        body=template.body_template,
    )
    if not re.fullmatch(LOCALE_PATTERN, template.locale):
        faults["locale"] = ["Give a language tag, such as en or pt-BR."]
    _refuse(faults)


def _faults(*, template_key: str, channel: str, subject: str, body: str) -> dict[str, list[str]]:
    if template_key not in wording.TEMPLATES:
        known = ", ".join(sorted(wording.TEMPLATES))
        return {"template_key": [f"There is no template of this key. There are: {known}."]}
    return texts.check(channel=channel, template_key=template_key, subject=subject, body=body)


def _refuse(faults: dict[str, list[str]]) -> None:
    if faults:
        raise TemplateRefused(next(iter(faults.values()))[0], fields=faults)


def _saved(template: NotificationTemplate) -> NotificationTemplate:
    taken = TemplateTaken(
        f"{template.template_key} has a text for {template.channel} in {template.locale}. "
        "Change that one."
    )
    with refusing(alias="platform", constraints={"notification_templates_once": taken}):
        template.save()
    return template
