"""What trainers keep beside a prompt to grade it by → which problem is meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rlef.errors import RequestError

__all__ = ["problem_fields"]


def problem_fields(label: object) -> dict[str, Any]:
    """`problem_id` (with `set`) or `problem`, as the judge takes them, of a row's label: an id of a problem that is served,
    {"problem_id": ..., "set": ...}, {"inputs": [...], "outputs": [...], "fn_name": ...}, or a problem in any schema that rlef
    reads; also as JSON in a text."""
    if isinstance(label, str) and label.lstrip().startswith("{"):
        try:
            label = json.loads(label)
        except ValueError as error:
            raise RequestError(f"expected a problem's id or JSON, found a text that begins as JSON: {error}", "request") from None
    if isinstance(label, bool) or not isinstance(label, (str, int, Mapping)):
        raise RequestError(f"expected a problem's id, or a problem as an object, found {type(label).__name__}", "request")
    if not isinstance(label, Mapping):
        return {"problem_id": label}
    if "problem_id" in label:
        fields = {"problem_id": label["problem_id"], "set": label.get("set")}
        return {name: value for name, value in fields.items() if value is not None}
    if "inputs" in label and "outputs" in label:
        tests = {name: label[name] for name in ("inputs", "outputs", "fn_name") if label.get(name) is not None}
        return {"problem": {"question": label.get("question", ""), "input_output": tests}}
    return {"problem": dict(label)}
