"""What the top floor does when the registry says that something changed."""

from uuid import UUID

from django.contrib.auth import user_logged_in, user_login_failed
from django.dispatch import receiver

from audits.models import User
from audits.services.erasure import RowTexts, texts_erased
from audits.trail import Actor
from governance.models import ChecklistAnswer
from governance.services.attempts import record_refused_sign_in
from governance.services.people import record_sign_in
from governance.services.standing import recompute_version
from registry.models import ModelVersion
from registry.signals import version_changed


@receiver(version_changed, dispatch_uid="governance.recompute")
def recompute(*, version: ModelVersion, actor: Actor, **_: object) -> None:
    recompute_version(version=version)


@receiver(texts_erased, dispatch_uid="governance.recompute_after_erasure")
def judge_anew(*, rows: tuple[RowTexts, ...], **_: object) -> None:
    """An answer whose text is gone is another answer: signatures over it go stale in the same act."""
    answers = [UUID(row.key) for row in rows if row.table == ChecklistAnswer._meta.db_table]
    for version in ModelVersion.objects.filter(answers__in=answers).distinct().order_by("pk") if answers else ():
        recompute_version(version=version)


@receiver(user_login_failed, dispatch_uid="governance.record_refused_sign_in")
def sign_in_refused(*, credentials: dict[str, str], **_: object) -> None:
    record_refused_sign_in(username=credentials.get("username", ""))


@receiver(user_logged_in, dispatch_uid="governance.record_sign_in")
def signed_in(*, user: User, **_: object) -> None:
    record_sign_in(account=user)
