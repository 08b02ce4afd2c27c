"""Step 2: every entry hashes to its leaf, none is missing, the tree has each root that was signed, columns agree.

RFC 6962 section 2.1.
"""

from collections.abc import Iterator, Sequence

from audits.merkle import tree
from audits.trail.verification.bodies import Examiner
from audits.trail.verification.checking import Check, Page
from audits.trail.verification.matter import Claim, Matter, Tell
from audits.trail.verification.report import Findings

_TABLE = "audits_entry"
# Entries whose columns are not those of their act, or that have none; step 3 holds the acts against the entries.
_COLUMNS = """
SELECT e.index FROM audits_entry e LEFT JOIN audits_act a USING (epoch, xid)
WHERE e.index >= %s AND (e.act_id, e.kind, e.actor, e.subject, e.at)
    IS DISTINCT FROM (a.id, a.kind, a.actor, a.subject, a.at)
    AND e.body <> '' -- Released ones have no act any more: the step of files holds them against their files.
ORDER BY e.index
"""


class Leaves(Check):
    reads = True

    def __init__(self, matter: Matter, findings: Findings, tell: Tell) -> None:
        super().__init__(matter, findings, tell)
        self._frontier = matter.frontier
        self._first = self._expected = matter.frontier.size
        self._roots: _Roots | None = None
        self._examiner = Examiner(matter, findings)
        self._columns = matter.beside.ask(_COLUMNS, [self._first])

    def take(self, page: Page) -> None:
        roots = self._claimed()
        last = self._expected + len(page.indexes)
        if page.indexes != list(range(self._expected, last)) or page.hashes != page.leaves:
            self._name(page)
        self._expected = page.indexes[-1] + 1
        roots.extend(self._frontier, page.hashes)
        self.findings.checked += len(page.indexes)
        self.tell(len(page.indexes))

    def _claimed(self) -> "_Roots":
        """What step 1 has gathered, from where this verification begins."""
        if self._roots is None:
            claims = [claim for claim in self.matter.claims if claim.size >= self._first]
            self._roots = _Roots(iter(sorted(claims, key=lambda claim: claim.size)), self.findings)
        return self._roots

    def finish(self) -> None:
        roots = self._claimed()
        roots.extend(self._frontier, ())
        roots.finish(self._frontier)
        seen = self._first + self.findings.checked
        if seen != self.matter.entries:
            self.findings.add(
                "index",
                f"The table holds {self.matter.entries} rows, and {seen} entries have an index of their own"
                + (f", the {self._first} among them that were verified before." if self._first else "."),
                table=_TABLE,
                field="index",
            )
        for (index,) in self._columns():
            self._examiner.examine(index)

    def _name(self, page: Page) -> None:
        expected = self._expected
        for index, hashed, leaf, body in zip(page.indexes, page.hashes, page.leaves, page.bodies, strict=True):
            if index != expected:
                self.findings.add(
                    "index",
                    f"Entry {expected} is missing: the next one in the table is {index}.",
                    table=_TABLE,
                    key=str(expected),
                    field="index",
                    trail=expected,
                    there=index,
                    index=expected,
                )
            expected = index + 1
            if hashed != leaf:
                self._name_hash(index, body, hashed, leaf)

    def _name_hash(self, index: int, body: bytes, hashed: bytes, leaf: bytes) -> None:
        """Say which of the two was changed, as far as the act itself tells."""
        field = "leaf_hash" if self._examiner.is_rebuilt(index, body) else "body"
        self.findings.add(
            "leaf_hash",
            f"Entry {index} does not hash to its leaf: its {field} was changed.",
            table=_TABLE,
            key=str(index),
            field=field,
            trail=leaf.hex() if field == "body" else hashed.hex(),
            there=hashed.hex() if field == "body" else leaf.hex(),
            index=index,
        )
        self._examiner.examine(index)


class _Roots:
    """Compares the growing tree with claims in the order of their sizes; reports the first that fails."""

    def __init__(self, claims: Iterator[Claim], findings: Findings) -> None:
        self._claims = claims
        self._next = next(claims, None)
        self._findings = findings
        self._failed: set[str] = set()

    def extend(self, frontier: tree.Frontier, hashes: Sequence[bytes]) -> None:
        """Let the tree grow, with a stop at each size that somebody has claimed a root for."""
        at = 0
        self._compare(frontier)
        while self._next is not None and self._next.size <= frontier.size + len(hashes) - at:
            more = self._next.size - frontier.size
            frontier.extend(hashes[at : at + more])
            at += more
            self._compare(frontier)
        frontier.extend(hashes[at:])

    def _compare(self, frontier: tree.Frontier) -> None:
        while self._next is not None and self._next.size <= frontier.size:
            claim, self._next = self._next, next(self._claims, None)
            root = tree.EMPTY_ROOT if claim.size == 0 else frontier.root()
            stored = claim.source.startswith("the checkpoint of")
            # After the first bad leaf every later root differs: one finding says it.
            if root != claim.root and not (stored and "stored" in self._failed):
                self._failed.add("stored" if stored else claim.source)
                self._findings.add(
                    "root",
                    f"The first {claim.size} entries do not have the root that {claim.source} says: an entry "
                    "among them was changed, removed or added.",
                    trail=claim.root.hex(),
                    there=root.hex(),
                )

    def finish(self, frontier: tree.Frontier) -> None:
        while self._next is not None:
            claim, self._next = self._next, next(self._claims, None)
            if claim.source not in self._failed:
                self._failed.add(claim.source)
                self._findings.add(
                    "rolled_back",
                    f"The log holds {frontier.size} entries, but {claim.source} was signed over {claim.size}: the "
                    "database was rolled back to an earlier state, or entries were removed.",
                    table=_TABLE,
                    key=str(frontier.size),
                )
