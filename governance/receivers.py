"""What the top floor does when the registry says that something changed."""

from django.contrib.auth import user_logged_in, user_login_failed
from django.dispatch import receiver

from audits.models import User
from audits.trail import Actor
from governance.services.attempts import record_refused_sign_in
from governance.services.people import record_sign_in
from governance.services.standing import recompute_version
from registry.models import ModelVersion
from registry.signals import version_changed


@receiver(version_changed, dispatch_uid="governance.recompute")
def recompute(*, version: ModelVersion, actor: Actor, **_: object) -> None:
    recompute_version(version=version)


@receiver(user_login_failed, dispatch_uid="governance.record_refused_sign_in")
def sign_in_refused(*, credentials: dict[str, str], **_: object) -> None:
    record_refused_sign_in(username=credentials.get("username", ""))


@receiver(user_logged_in, dispatch_uid="governance.record_sign_in")
def signed_in(*, user: User, **_: object) -> None:
    record_sign_in(account=user)
