"""One case: a bundle, what its verifier trusts, and what it must answer."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Case:
    """``step`` None: it is proved. ``key``, ``policy``, ``checkpoint``, ``roots``: names of files."""

    name: str
    what: str
    data: bytes
    step: str | None = None
    index: int | None = None
    key: str | None = "log.vkey"
    policy: str | None = None
    checkpoint: str | None = None
    roots: str | None = None

    @property
    def answer(self) -> str:
        if self.step is not None:
            return "not proved"
        return "proved" if self.key or self.policy else "partly"

    def expected(self) -> dict[str, object]:
        """What stands in expected.json."""
        said = {
            "what": self.what,
            "answer": self.answer,
            "step": self.step,
            "index": self.index,
            "key": self.key,
            "policy": self.policy,
            "checkpoint": self.checkpoint,
            "roots": self.roots,
        }
        return {name: value for name, value in said.items() if value is not None}
