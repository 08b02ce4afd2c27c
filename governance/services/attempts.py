"""Wrong passwords: each is an act, and after ten in a quarter of an hour the account waits.

An account that waits is not written about again, so nobody fills the log by guessing.
"""

from datetime import timedelta

from django.utils import timezone

from audits.models import Act, User
from audits.trail import Actor, act
from audits.trail.act import subject_of
from governance import events

MOST = 10
WITHIN = timedelta(minutes=15)
AT_THE_DOOR = "governance.session.refused"
AT_SIGNING = "governance.password.refused"


def is_locked(account: User, *, kind: str) -> bool:
    """Whether so many wrong passwords of a kind came that no further one is tried now.

    The door and signatures count apart: a stranger who guesses at the door keeps nobody from signing.
    """
    wrong = Act.objects.filter(subject=subject_of(account), kind=kind, at__gt=timezone.now() - WITHIN)
    return wrong.count() >= MOST


def record_refused_sign_in(*, username: str) -> None:
    """A wrong password at the door of an account that exists."""
    account = User.objects.filter(username=username).first()
    if account is not None and not is_locked(account, kind=AT_THE_DOOR):
        with act(events.SessionRefused(), actor=Actor.system("door", via="admin"), subject=account):
            pass


def record_refused_signature(*, account: User) -> None:
    """A wrong password where a signature was to be given."""
    with act(events.PasswordRefused(), actor=Actor.person(account, via="signature"), subject=account):
        pass
