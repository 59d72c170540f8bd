"""Every route of the OpenAPI document gets what it should and what it should not: no fault of ours, ever."""

import re
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from registry.api.app import ROUTES
from registry.api.openapi import openapi_document
from tests.effort import effort

SCHEMA = schemathesis.openapi.from_dict(openapi_document(ROUTES, "1"))
OPERATIONS = {one.label: one for one in (found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok))}
WRONG_CAN_BE = [  # where there is a body of JSON or a query, it can be what the document does not allow
    f"{route.method} {re.sub(':path}', '}', route.path)}"
    for route in ROUTES
    if route.query is not None or route.request not in (None, bytes)
]


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_the_document_allows_is_no_fault_of_ours(fuzzed_url: str, known: dict[str, str], label: str) -> None:
    attack(fuzzed_url, known, label, GenerationMode.POSITIVE)


@pytest.mark.parametrize("label", WRONG_CAN_BE)
def test_what_it_does_not_allow_is_no_fault_of_ours_either(fuzzed_url: str, known: dict[str, str], label: str) -> None:
    attack(fuzzed_url, known, label, GenerationMode.NEGATIVE)


def attack(url: str, known: dict[str, str], label: str, mode: GenerationMode) -> None:
    """Send a route what ``mode`` draws, and fail at the first answer that is a fault of ours."""
    with requests.Session() as session:

        @effort(12)
        @given(case=OPERATIONS[label].as_strategy(generation_mode=mode), meet=st.booleans())
        def send(case: schemathesis.Case[Any], meet: bool) -> None:
            if meet:  # what there is, so that it gets further than to a 404
                for name in set(case.path_parameters) & set(known):
                    case.path_parameters[name] = known[name]
            answer: Any = case.call(base_url=url, session=session, allow_redirects=False)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        send()


def test_no_operation_is_left_out() -> None:
    assert len(OPERATIONS) == len(ROUTES)


def test_the_registry_is_still_there(fuzzed_url: str) -> None:
    assert httpx.get(f"{fuzzed_url}/health").status_code == 200
