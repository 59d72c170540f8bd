"""A router that finds a plain path at once: a dictionary before Starlette's walk through every route's pattern."""

from collections.abc import Sequence

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send


class PlainPathsFirst(Router):
    """Starlette's router; of some 100 routes, the busiest have no parameter in their path and need no pattern."""

    def __init__(self, routes: Sequence[Route]) -> None:
        # Starlette's redirects to a path with or without its last slash name whatever Host the client sent.
        super().__init__(routes, redirect_slashes=False)
        self._plain = {
            (method, route.path): route
            for route in reversed(routes)  # where two have one path, the first wins, as in the walk
            if "{" not in route.path
            for method in route.methods or ()
        }

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._plain.get((scope.get("method", ""), scope.get("path", "")))
        if route is None or scope.get("root_path"):
            await super().app(scope, receive, send)
            return
        scope.update(router=self, route=route, endpoint=route.endpoint, path_params={})
        await route.handle(scope, receive, send)
