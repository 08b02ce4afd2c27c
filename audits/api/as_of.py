"""``?as_of=``: the read addresses of governed rows answer as of an entry, a checkpoint, a day or a time.

Never answers about the present where the past was asked for: an address that cannot look back says so.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from audits.api.views import GuardedView
from audits.errors import NotFound
from audits.trail.moments import Moment, parse_moment

AS_OF = OpenApiParameter(
    "as_of",
    str,
    description=(
        "Answer as of a moment: an entry of the trail (entry:123, with it), a signed checkpoint (checkpoint:456), a "
        "day (2026-03-14, its end in UTC) or a time (2026-03-14T09:26:53Z). The answer's as_of names the last entry "
        "that counts and the smallest signed checkpoint that covers it. Long documents that the trail holds by digest "
        "only stand as sha256:… where they are another today; texts that were erased are null."
    ),
)


class LooksBack(GuardedView):
    """A view whose GET takes ``as_of``."""

    looks_back: ClassVar[bool] = True

    def moment(self) -> Moment | None:
        """What was asked for; None for the present. Raises NoSuchMoment."""
        asked = self.request.query_params.get("as_of")
        return None if asked is None else parse_moment(asked)

    def past_page(self, moment: Moment, rows: Sequence[Any], serializer: type[BaseSerializer[Any]]) -> Response:
        """One page of rows as they were."""
        response = self.page(rows, serializer)
        response.data["as_of"] = rests_on(moment)
        return response

    def past_row(self, moment: Moment, row: Any, serializer: type[BaseSerializer[Any]], *, called: str) -> Response:
        """One row as it was; ``called`` names it where there was none. Raises NotFound."""
        if row is None:
            raise NotFound(f"There was no {called} then{_where(moment)}.")
        return Response({**serializer(row).data, "as_of": rests_on(moment)})


def rests_on(moment: Moment) -> dict[str, object]:
    """What an answer about the past rests on: null where no entry counts, or no checkpoint covers them yet."""
    return {"entry": moment.entry, "checkpoint": moment.checkpoint, "time": moment.at}


def _where(moment: Moment) -> str:
    return f", as of entry {moment.entry}" if moment.size else ": it is before the first entry of the trail"
