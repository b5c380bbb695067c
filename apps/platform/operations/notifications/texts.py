"""Texts: which wording holds for somebody, rendered and cut to what its channel carries."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from apps.platform.models import Channel, NotificationTemplate
from apps.platform.operations.notifications import engine, wording
from apps.platform.operations.notifications.engine import BadTemplate

# Of a subject; a text message has none.
SUBJECT_LENGTH = 200
BODY_LENGTHS: Mapping[str, int] = {
    Channel.EMAIL: 20_000,
    # Three parts, as a telephone puts them together.
    Channel.SMS: 480,
    # What a push service takes, encrypted and in any alphabet.
    Channel.PUSH: 700,
    Channel.IN_APP: 2_000,
}
# Longer ones are texts of our own making: what a digest tells of.
LONG_VALUE_LENGTH = 15_000


@dataclass(frozen=True, slots=True)
class Text:
    """What somebody is told: a subject, in one line, and a body."""

    subject: str
    body: str


class Wording:
    """The wording of one template in the bound tenant: its own, and the system's where it has none."""

    def __init__(self, template_key: str) -> None:
        self._key = template_key
        rows = NotificationTemplate.objects.filter(template_key=template_key)
        self._own = {
            (channel, locale): (subject, body)
            for channel, locale, subject, body in rows.values_list(
                "channel", "locale", "subject", "body_template"
            )
        }

    def text(self, *, channel: str, locale: str, values: Mapping[str, object]) -> Text:
        """Return the text in the language that comes nearest.

        A tenant's text that can't be rendered is passed over: it was checked against other variables.

        :raises BadTemplate: not even the system has one.
        """
        fault = BadTemplate(f"There is no text of {self._key} for {channel}.")
        for subject, body in self._candidates(channel, locale):
            try:
                return rendered(channel=channel, subject=subject, body=body, values=values)
            except BadTemplate as error:
                fault = error
        raise fault

    def _candidates(self, channel: str, locale: str) -> Iterator[tuple[str, str]]:
        languages = dict.fromkeys([*wording.languages_of(locale), wording.DEFAULT_LOCALE])
        for language in languages:
            if found := self._own.get((channel, language)):
                yield found
        for language in languages:
            if found := wording.text_of(template_key=self._key, channel=channel, locale=language):
                yield found


def rendered(*, channel: str, subject: str, body: str, values: Mapping[str, object]) -> Text:
    """Return a subject and a body with values in them, cut to what the channel carries.

    A subject is one line whatever the values hold, so that nobody can put a header into an email.

    :raises BadTemplate: they are not in the language of templates, or a value is missing.
    """
    length = LONG_VALUE_LENGTH if "items" in values else engine.VALUE_LENGTH
    one_line = " ".join(_without_controls(engine.render(subject, values)).split())
    text = _without_controls(engine.render(body, values, value_length=length))
    return Text(cut(one_line, SUBJECT_LENGTH), cut(text, BODY_LENGTHS[channel]))


def cut(text: str, length: int) -> str:
    """Return a text of at most `length` characters, with a sign where something was left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _without_controls(text: str) -> str:
    return "".join(sign for sign in text if sign in "\n\t " or sign.isprintable())


def values_of(template_key: str) -> Mapping[str, object]:
    """Return a sample of every value that a template may use."""
    return wording.TEMPLATES[template_key].variables


def check(*, channel: str, template_key: str, subject: str, body: str) -> dict[str, list[str]]:
    """Return what is wrong with a text, by field; empty if nothing is."""
    faults: dict[str, list[str]] = {}
    names: Collection[str] = values_of(template_key).keys()
    for field, source in (("subject", subject), ("body_template", body)):
        try:
            engine.check(source, variables=names)
        except BadTemplate as error:
            faults[field] = [str(error)]
    if faults:
        return faults
    if channel == Channel.SMS and subject:
        faults["subject"] = ["A text message has no subject."]
    elif channel != Channel.SMS and not subject.strip():
        faults["subject"] = ["It needs a subject."]
    elif any(sign in subject for sign in "\r\n\x0b\x0c\x85\u2028\u2029"):
        faults["subject"] = ["A subject is one line."]
    faults |= _faults_of_length(channel, template_key=template_key, subject=subject, body=body)
    return faults


def _faults_of_length(
    channel: str, *, template_key: str, subject: str, body: str
) -> dict[str, list[str]]:
    samples = values_of(template_key)
    faults = {}
    for field, source, limit in (
        ("subject", subject, SUBJECT_LENGTH),
        ("body_template", body, BODY_LENGTHS[channel]),
    ):
        try:
            length = len(engine.render(source, samples))
        except BadTemplate as error:
            faults[field] = [str(error)]
            continue
        if length > limit:
            faults[field] = [
                f"With sample values it has {length} characters; {channel} carries {limit}."
            ]
    return faults
