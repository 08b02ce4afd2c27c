"""The tlog-policy that the operator names: which witnesses are asked, and how many make a quorum.

Never takes the log's own keys from that file: those are the trail's.

c2sp.org/tlog-policy.
"""

from dataclasses import replace
from pathlib import Path

from django.conf import settings

from audits.errors import DomainError
from audits.merkle.errors import VerificationError
from audits.merkle.policy import Policy, PolicyLog
from audits.trail.keys import trail_keys


class BadPolicy(DomainError):
    """The file of witnesses cannot be used."""

    code = "bad_policy"
    status = 409


def witness_policy() -> Policy:
    """Our keys, and the witnesses and quorum of COUNTERSIGN_WITNESSES; none where it is not set. Raises BadPolicy."""
    if not settings.WITNESSES:
        return _with_our_keys(Policy(logs=(), witnesses=(), groups=(), quorum=None))
    try:
        return _with_our_keys(Policy.parse(Path(settings.WITNESSES).read_bytes()))
    except OSError as error:
        raise BadPolicy(f"COUNTERSIGN_WITNESSES ({settings.WITNESSES}) cannot be read: {error.strerror}.") from error
    except VerificationError as error:
        raise BadPolicy(f"COUNTERSIGN_WITNESSES ({settings.WITNESSES}) is no tlog-policy: {error.message}.") from error


def published_policy() -> str:
    """The policy in the form that verifiers take, with a remark for each retired key."""
    remarks = [
        f"# {retired.key.name}+{retired.key.key_id.hex()} is retired: it signs nothing beyond {retired.last} entries.\n"
        for retired in trail_keys().retired
    ]
    return "".join(remarks) + witness_policy().format()


def _with_our_keys(policy: Policy) -> Policy:
    url = f"{settings.BASE_URL}/tlog"
    return replace(policy, logs=tuple(PolicyLog(key=key, url=url) for key in trail_keys().all()))
