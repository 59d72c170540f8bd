"""Which of a machine's variables a program inherits that works on what somebody else wrote.

An allow-list: tokens, passwords of databases and keys of clouds are in none of these.
"""

from collections.abc import Mapping

_MACHINE = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}
_MARK = "SLIPWAY_INSTANCE"  # whose process it is
_NETWORK = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"}
# Settings of the project that this process runs in must not steer another environment; publishing has tokens.
_NOT_FOR_UV = {"UV_PYTHON", "UV_PROJECT_ENVIRONMENT"}
_PUBLISHING = "UV_PUBLISH_"
_ERRAND = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYENV_ROOT", "SLIPWAY_NODE_CACHE_GB"}


def machine_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what says where things are on this machine, and its language."""
    return {name: value for name, value in environ.items() if _is_machines(name)}


def uv_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the machine's variables, those of its network, and uv's own settings."""
    own = {name: value for name, value in environ.items() if name.upper() in _NETWORK or _is_for_uv(name)}
    return machine_variables(environ) | own


def errand_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of the registry's own code needs that makes an environment: uv's, and where Python is."""
    return uv_variables(environ) | {name: value for name, value in environ.items() if name in _ERRAND}


def _is_machines(name: str) -> bool:
    return name in _MACHINE or name == _MARK or name.startswith(("LC_", "XDG_"))


def _is_for_uv(name: str) -> bool:
    return name.startswith("UV_") and name not in _NOT_FOR_UV and not name.startswith(_PUBLISHING)
