"""Referral codes: handing them out, and using them once."""

import re
from datetime import datetime
from uuid import UUID

from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.ids import random_code
from apps.kernel.refusals import refusing
from apps.users.models import Profile, ProfileType, ReferralCode, ReferralUse
from apps.users.models.referral import CODE_PATTERN
from apps.users.operations.profiles import lock_profile

CODE_LENGTH = 10


class CodeTaken(Conflict):
    """A code belongs to one profile."""

    slug = "code-taken"
    title = "This code is taken."


class CodeExpired(Conflict):
    """The code's time is over."""

    slug = "code-expired"
    title = "This code has expired."


class CodeUsedUp(Conflict):
    """The code was used as often as it may be."""

    slug = "code-used-up"
    title = "This code is used up."


class AlreadyReferred(Conflict):
    """A fan comes by one code."""

    slug = "already-referred"
    title = "You came by another code already."


def create_referral_code(
    *,
    profile_id: UUID,
    created_on: datetime,
    code: str = "",
    note: str = "",
    max_uses: int | None = None,
    expires_at: datetime | None = None,
) -> ReferralCode:
    """Make a code for a profile to hand out.

    :param code: 4 to 32 letters and digits; empty to have a random one made.
    :raises CodeTaken: it exists already.
    :raises Invalid: it has another form.
    """
    code = code.upper() or random_code(length=CODE_LENGTH)
    if not re.fullmatch(CODE_PATTERN, code):
        raise Invalid(fields={"code": ["Use 4 to 32 letters A to Z and digits."]})
    profile = lock_profile(profile_id=profile_id)
    taken = CodeTaken("Choose another.", fields={"code": [f"{code} exists already."]})
    with refusing(alias="users", constraints={"referral_codes_code": taken}):
        return ReferralCode.objects.create(
            profile=profile,
            code=code,
            note=note,
            max_uses=max_uses,
            expires_at=expires_at,
            created_on=created_on,
        )


def use_referral_code(*, code: str, fan_id: UUID, used_at: datetime) -> ReferralUse:
    """Note that a fan came by a code; the same fan with the same code again changes nothing.

    :raises NotFound: there is no such code.
    :raises CodeExpired, CodeUsedUp, AlreadyReferred: as they say.
    :raises Invalid: it is the fan's own code.
    """
    held = ReferralCode.objects.select_for_update().filter(code=code.upper()).first()
    if held is None:
        raise NotFound
    fan = lock_profile(profile_id=fan_id)
    used = ReferralUse.objects.filter(profile=fan).first()
    if used is not None:
        if used.referral_code_id == held.id:
            return used
        raise AlreadyReferred("A fan comes by one code.")
    if fan.profile_type != ProfileType.FAN:
        raise Invalid(fields={"code": ["Only a fan comes by a code."]})
    if Profile.objects.filter(id=held.profile_id, keycloak_id=fan.keycloak_id).exists():
        raise Invalid(fields={"code": ["This is your own code."]})
    if held.expires_at is not None and held.expires_at <= used_at:
        raise CodeExpired("Ask for another.")
    if held.max_uses is not None and held.use_count >= held.max_uses:
        raise CodeUsedUp("Ask for another.")

    held.use_count += 1
    held.save(update_fields=["use_count"])
    return ReferralUse.objects.create(referral_code=held, profile=fan, used_at=used_at)
