"""What the registry's own dependencies take on the disk: the distributions it imports, runs, or may need."""

import json
import subprocess
import sys

# Imported, with all that comes along; of what is only run, or loaded for one kind of store or an upgrade, the names.
ROOTS = "import registry.cli.main, registry.api.server, registry.operations.upkeep.integrity"
ALSO = ("uv", "uvloop", "alembic", "mako", "markupsafe", "psycopg", "psycopg-binary")
# Imported only because something else brought them: httpx and uvicorn take them when they are there, a .pth file does.
OTHERS = ("brotli", "click", "setuptools", "watchfiles")

_SCRIPT = f"""
{ROOTS}
import json, sys
from importlib.metadata import distribution, packages_distributions
owners = packages_distributions()
names = {{name for module in {{m.partition('.')[0] for m in sys.modules}} for name in owners.get(module, [])}}
sizes = {{}}
for name in sorted((names | set({ALSO!r})) - {{"slipway"}}, key=str.lower):
    files = distribution(name).files or []
    sizes[distribution(name).name.lower()] = sum(f.locate().stat().st_size for f in files if f.locate().exists())
print(json.dumps({{name: size for name, size in sizes.items() if name not in {OTHERS!r}}}))
"""


def installed_bytes() -> dict[str, int]:
    """Return distribution → bytes of its files, compiled ones too."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True)
    sizes: dict[str, int] = json.loads(done.stdout)
    return sizes
