"""``{"input_data": …}`` at ``/score``, as Azure ML's deployments of MLflow models take it: one of MLflow's forms by
another name, and answered with the predictions alone."""

from __future__ import annotations

from typing import Optional

from ..errors import InvalidInput
from ..formats.json_forms import FORMS, LLM_KEYS, members_of

KEY = "input_data"
_FRAME = ("columns", "index", "data")
_BEFORE, _AFTER = b'{"predictions": ', b"}"


def form_of_input_data(body: bytes) -> Optional[bytes]:
    """Return the body in MLflow's words; None if it has no ``input_data``, so that it is MLflow's already.

    What has the keys of a frame is a frame; anything else goes to the model as ``inputs``.

    Raises:
        InvalidInput: it is a JSON object with nothing that /score takes.
    """
    try:
        document = members_of(body)
    except InvalidInput:
        return None  # whoever reads it next says what is wrong
    if KEY not in document:
        if not any(key in document for key in (*FORMS, *LLM_KEYS)):
            raise InvalidInput(f"send exactly one of {KEY}, {', '.join(FORMS)}; got none")
        return None
    try:
        data = bytes(document[KEY])
        is_frame = data[:1] == b"{" and "data" in members_of(data) and set(members_of(data)) <= set(_FRAME)
    except InvalidInput:
        return None  # whoever reads it next says what is wrong
    form = b"dataframe_split" if is_frame else b"inputs"
    params = b', "params": %b' % bytes(document["params"]) if "params" in document else b""
    return b'{"%b": %b%b}' % (form, data, params)


def predictions_alone(answer: bytes) -> bytes:
    """Take the predictions out of ``{"predictions": …}`` as a runtime writes it."""
    return answer[len(_BEFORE) : -len(_AFTER)]
