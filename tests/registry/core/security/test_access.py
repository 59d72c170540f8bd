"""The table of roles covers the application, and every route is in the hands it should be in."""

import pytest

from registry.api.app import FOREIGN, PAGE, ROUTES
from registry.api.route import ApiRoute
from registry.core.errors import Forbidden
from registry.core.security.access import ANYBODY, NOBODY, RULES, Caller, Role, needed_role, rule_key

ALL = [*ROUTES, *FOREIGN, PAGE]


@pytest.mark.parametrize("route", ALL, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_has_a_rule(route: ApiRoute) -> None:
    assert rule_key(route.method, route.path) in RULES, "say in registry/core/security/access.py who may call it"


def test_every_rule_has_a_route() -> None:
    assert set(RULES) == {rule_key(route.method, route.path) for route in ALL}


def test_a_route_without_a_rule_would_take_an_owner() -> None:
    assert needed_role("GET", "/api/v1/new") is Role.OWNER


def test_no_rule_is_there_twice() -> None:
    from registry.core.security import access

    lines = [
        line.split()
        for text in (access.OPEN, access.READER, access.CONTRIBUTOR, access.OWNER)
        for line in text.strip().splitlines()
    ]
    rules = [(method, path) for method, *paths in lines for path in paths]
    assert len(rules) == len(set(rules)) == len(RULES)


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/health", None),
        ("GET", "/api/v1/endpoints", Role.READER),
        ("POST", "/ajax-api/2.0/mlflow/runs/search", Role.READER),
        ("POST", "/api/2.0/mlflow/runs/log-metric", Role.CONTRIBUTOR),
        ("DELETE", "/api/v1/endpoints/{name}", Role.OWNER),
        ("POST", "/api/v1/endpoints/{name}/keys/regenerate", Role.OWNER),
        ("GET", "/api/v1/audit", Role.OWNER),
        ("POST", "/api/v1/workspace/deletion", Role.OWNER),
        ("GET", "/api/v1/tokens", Role.OWNER),
    ],
)
def test_some_rules_by_name(method: str, path: str, role: Role | None) -> None:
    assert needed_role(method, path) is role


def test_only_reading_searching_and_planning_is_open_to_readers() -> None:
    changes = {key for key, role in RULES.items() if role is Role.READER and key[0] != "GET"}
    assert all("search" in path or path.endswith(("get-latest-versions", "/plan", "/route")) for _, path in changes)
    assert {key for key, role in RULES.items() if role is None} == {
        ("GET", path) for path in ("/", "/health", "/version")
    }


def test_each_role_may_do_what_those_before_it_may() -> None:
    for mine in Role:
        for needed in Role:
            caller = Caller("ada", mine)
            if mine.rank >= needed.rank:
                caller.check_may(needed)
            else:
                with pytest.raises(Forbidden, match=f"ada is a {mine}, and this takes the role {needed}"):
                    caller.check_may(needed)
    NOBODY.check_may(None)
    ANYBODY.check_may(Role.OWNER)
    with pytest.raises(Forbidden):
        NOBODY.check_may(Role.READER)
