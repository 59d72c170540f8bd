from registry.core.variables import errand_variables, machine_variables, uv_variables

MACHINE = {"PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "XDG_CACHE_HOME": "/c", "TMPDIR": "/t", "SLIPWAY_INSTANCE": "i"}
UVS = {"UV_CACHE_DIR": "/c", "UV_FIND_LINKS": "/w", "UV_TORCH_BACKEND": "cpu", "https_proxy": "p", "SSL_CERT_FILE": "f"}
ERRANDS = {"PYTHONPATH": "/p", "PYENV_ROOT": "/y", "SLIPWAY_NODE_CACHE_GB": "5"}
SECRETS = dict.fromkeys(
    [
        "SLIPWAY_TOKEN",
        "SLIPWAY_VAULT_KEY_FILE",
        "PGPASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "UV_PUBLISH_TOKEN",
        "WHATEVER_COMES_NEXT",
    ],
    "x",
)
EVERYTHING = MACHINE | UVS | ERRANDS | SECRETS | {"UV_PYTHON": "3.9", "UV_PROJECT_ENVIRONMENT": "/e"}


def test_only_what_a_program_needs_is_inherited() -> None:
    assert machine_variables(EVERYTHING) == MACHINE
    assert uv_variables(EVERYTHING) == MACHINE | UVS
    assert errand_variables(EVERYTHING) == MACHINE | UVS | ERRANDS
