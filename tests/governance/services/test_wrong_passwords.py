"""Wrong passwords are acts, and guessing ends."""

import pytest

from audits.errors import NotPermitted
from audits.models import Act, User
from governance.services.attempts import AT_SIGNING, AT_THE_DOOR, MOST, is_locked
from governance.services.signing import SigningRefused, authenticate_freshly
from tests.people import PASSWORD


def test_a_wrong_password_is_an_act_and_ten_make_the_account_wait(validator: User) -> None:
    for _ in range(MOST):
        with pytest.raises(SigningRefused, match="not right"):
            authenticate_freshly(account=validator, password="wrong")
    with pytest.raises(SigningRefused, match="quarter of an hour"):
        authenticate_freshly(account=validator, password=PASSWORD)
    assert Act.objects.filter(kind="governance.password.refused").count() == MOST


def test_one_account_waiting_lets_the_others_work(validator: User, owner: User) -> None:
    for _ in range(MOST):
        with pytest.raises(NotPermitted):
            authenticate_freshly(account=validator, password="wrong")
    assert is_locked(validator, kind=AT_SIGNING)
    assert not is_locked(validator, kind=AT_THE_DOOR)
    assert authenticate_freshly(account=owner, password=PASSWORD).user_id == owner.pk
