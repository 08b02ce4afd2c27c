"""What every operation in the OpenAPI schema has in common: problems (RFC 9457), and receipts of what was written.

It describes only; what it says of an answer is made in audits.api.problems and audits.api.views.
"""

from typing import Any

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong and what to do next (RFC 9457). The gate adds allowed: false.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, for machines."},
        "detail": {"type": "string", "description": "For people: what is wrong and what to do."},
        "errors": {"type": "object", "description": "By field, where fields are not right."},
        "allowed": {"type": "boolean", "const": False, "description": "Only from the gate."},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
_RECEIPT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "receipt": {
            "type": ["string", "null"],
            "format": "uuid",
            "description": "The act that recorded this (/api/v1/trail/receipts/…); null where nothing changed.",
        }
    },
    "required": ["receipt"],
}


def describe_problems_and_receipts(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """drf-spectacular's hook: runs over the finished schema."""
    schemas = result["components"]["schemas"]
    schemas |= {"Problem": _PROBLEM, "Receipt": _RECEIPT}
    failed = {
        "description": "The request was not done.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path, methods in result["paths"].items():
        if not path.startswith("/api/v1/"):
            continue
        for method, operation in methods.items():
            operation["responses"]["default"] = failed
            if method in ("post", "put"):
                _add_receipts(operation["responses"], schemas)
    return result


def _add_receipts(responses: dict[str, Any], schemas: dict[str, Any]) -> None:
    for status, response in responses.items():
        content = response.get("content", {}).get("application/json")
        if status == "default" or content is None or "$ref" not in content["schema"]:
            continue
        name = content["schema"]["$ref"].rpartition("/")[2]
        if "receipt" not in schemas[name]["properties"]:
            content["schema"] = {"allOf": [content["schema"], {"$ref": "#/components/schemas/Receipt"}]}
