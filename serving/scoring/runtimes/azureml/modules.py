"""The modules of Azure ML's server that scripts import, for images that do not have them.

A finder at the end of ``sys.meta_path``: what the image has of its own is always found before, part by part, so that
``azureml.contrib.services`` is found here beside an ``azureml.core`` of the image's.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, Optional, Tuple

from .plain_request import PlainRequest
from .plain_response import PlainResponse

RAW_HTTP_MODULES = ("azureml_inference_server_http.api.aml_request", "azureml.contrib.services.aml_request")


class AzureModules(MetaPathFinder, Loader):
    """Finds and makes them."""

    def __init__(self) -> None:
        makers: Dict[str, Callable[[ModuleType], None]] = {
            RAW_HTTP_MODULES[0]: _fill_request,
            RAW_HTTP_MODULES[1]: _fill_request,
            "azureml_inference_server_http.api.aml_response": _fill_response,
            "azureml.contrib.services.aml_response": _fill_response,
            "azureml_inference_server_http.log_config": _fill_log_config,
        }
        self._makers = makers
        self._packages = {name.rsplit(".", depth)[0] for name in makers for depth in range(1, name.count(".") + 1)}

    def find_spec(self, fullname: str, path: Any = None, target: Optional[ModuleType] = None) -> Optional[ModuleSpec]:
        if fullname in self._packages:
            return ModuleSpec(fullname, self, is_package=True)
        return ModuleSpec(fullname, self) if fullname in self._makers else None

    def exec_module(self, module: ModuleType) -> None:
        fill = self._makers.get(module.__name__)
        if fill is not None:
            fill(module)


def provide_modules() -> None:
    """Let the script that is imported next find Azure ML's modules."""
    if not any(isinstance(finder, AzureModules) for finder in sys.meta_path):
        sys.meta_path.append(AzureModules())


def _fill_request(module: Any) -> None:
    def rawhttp(function: Any) -> Any:
        """Mark run() as one that takes the request itself."""
        module._rawHttpRequested = True  # its own name for it
        return function

    module._rawHttpRequested = False
    module.rawhttp = rawhttp
    module.AMLRequest = _flask_or_plain()[0]


def _fill_response(module: Any) -> None:
    base: Any = _flask_or_plain()[1]

    class AMLResponse(base):  # type: ignore[misc] # one of two
        """``message`` as the body, or with ``json_str`` as JSON; a header's commas part its values."""

        def __init__(
            self,
            message: Any,
            status_code: Any,
            response_headers: Optional[Dict[str, str]] = None,
            json_str: bool = False,
            run_function_failed: bool = False,
        ) -> None:
            headers = response_headers or {}
            if message is None or json_str:
                text = json.dumps({} if message is None else message)
                super().__init__(text, status=status_code, mimetype="application/json")
            else:
                super().__init__(message, status=status_code)
                if "Content-Type" in headers:
                    self.headers.remove("Content-Type")
            self.headers["x-ms-run-function-failed"] = str(run_function_failed)
            for name, values in headers.items():
                for value in values.split(","):
                    self.headers.add(name, value.strip())

    module.AMLResponse = AMLResponse


def _flask_or_plain() -> Tuple[Any, Any]:
    try:
        from flask import Request, Response
    except ImportError:
        return PlainRequest, PlainResponse
    return type("AMLRequest", (Request,), {}), Response


def _fill_log_config(module: Any) -> None:
    """What a logging.json that began as a copy of Azure ML's own names."""

    class AMLLogFormatter(logging.Formatter):
        converter = staticmethod(time.gmtime)

        def __init__(
            self,
            fmt: str = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s",
            datefmt: Optional[str] = None,
            style: Any = "%",
        ) -> None:
            super().__init__(fmt, datefmt, style)

    class RootAccessFilter(logging.Filter):
        """Leaves out probes, which are not logged here."""

    module.AMLLogFormatter = AMLLogFormatter
    module.RootAccessFilter = RootAccessFilter
