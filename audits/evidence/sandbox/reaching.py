"""Finds the parts of a loaded model that would read or write files when it predicts.

Never calls a method of the model: it looks at attributes only, which is where estimators keep parameters and fitted
parts alike.
"""

import functools
import types

# A vectorizer that is given "filename" or "file" opens what the table names.
_INPUT = "input"
_PLACES = frozenset({"memory", "cache", "cache_dir", "cachedir", "data_home", "file", "filename", "path"})


def parts_that_reach_files(model: object) -> list[str]:
    """Sentences' beginnings such as ``CountVectorizer has input='filename'``; empty where there are none."""
    found: list[str] = []
    seen: dict[int, object] = {}  # Holds what it has seen, so that no address is used twice.
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or part is None or isinstance(part, str | bytes | int | float | complex):
            continue
        seen[id(part)] = part
        own = getattr(part, "__dict__", None)
        if isinstance(own, dict) and not isinstance(part, type | types.ModuleType | types.FunctionType):
            found.extend(_complaints(part, own))
            waiting.extend(own.values())
        waiting.extend(_held(part))
    return found


def _complaints(part: object, own: dict[str, object]) -> list[str]:
    unfit = [
        name
        for name, value in own.items()
        if (name == _INPUT and not (type(value) is str and value == "content"))
        or (name in _PLACES and value is not None)
    ]
    return [f"{type(part).__name__} has {name}={str(own[name])[:60]!r}" for name in unfit]


def _held(part: object) -> list[object]:
    if isinstance(part, dict):
        return [*part.keys(), *part.values()]
    if isinstance(part, list | tuple | set | frozenset):
        return list(part)
    if isinstance(part, functools.partial):
        return [part.func, *part.args, *part.keywords.values()]
    if isinstance(part, types.MethodType):
        return [part.__self__]
    kind = getattr(part, "dtype", None)
    if getattr(kind, "hasobject", False) and hasattr(part, "ravel"):
        return list(part.ravel().tolist())
    return []
