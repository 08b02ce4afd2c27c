"""What a signer should look at before signing, as panels.

Shows what stands; it judges nothing.
"""

from audits.admin.panels import Panel, Table, digest, fact, mark, text
from governance.admin.checklist_view import section_views
from governance.services.signed_content import VersionFile, acceptance_digest


def what_is_signed(file: VersionFile, signed: str) -> Panel:
    version = file.version
    return Panel(
        title="What you sign",
        facts=[
            fact("Version", text(str(version))),
            fact("Artifact, SHA-256", digest(version.artifact_digest)),
            fact("Policy, SHA-256", digest(file.policy_digest)),
            fact("Checklist", text(str(file.checklist))),
            fact("Signed content, SHA-256", digest(signed)),
        ],
    )


def sections(file: VersionFile) -> Panel:
    rows = [
        (
            mark(view.mark, view.word),
            text(view.section.title),
            text(f"{view.answered} of {len(view.questions)}"),
            text(view.sign_off.signer_name if view.sign_off else ""),
        )
        for view in section_views(file, {})
    ]
    return Panel(
        title="The checklist",
        table=Table(head=("", "Section", "Answered", "Signed by"), rows=rows, empty="The checklist is empty."),
    )


def evidence(file: VersionFile) -> Panel:
    rows = [
        (
            text(kept.title),
            mark("warning", f"{len(kept.flags)} to read") if kept.flags else mark("met", "no flags"),
            digest(kept.digest),
        )
        for kept in file.evidence
    ]
    return Panel(
        title="The evidence",
        table=Table(head=("Measurement", "Flags", "SHA-256"), rows=rows, empty="Nothing is measured yet."),
    )


def accepted(file: VersionFile) -> Panel:
    rows = [
        (
            mark("met", "over this evidence")
            if given.signed_digest == acceptance_digest(file, given.topic)
            else mark("stale", "over earlier evidence"),
            text(given.topic),
            text(given.signer_name),
            text(f"{given.expires_at:%Y-%m-%d}"),
        )
        for given in file.acceptances
    ]
    return Panel(
        title="Accepted before",
        table=Table(head=("", "Topic", "By", "Until"), rows=rows, empty="No risk was accepted so far."),
    )
