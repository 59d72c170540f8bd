"""The page at ``/``, for a person who opens the registry's address in a browser."""

import base64
import hashlib

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_STYLE = "body{font:1rem/1.5 sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}"
_HTML = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Slipway registry</title>
<style>{_STYLE}</style>
<h1>Slipway registry</h1>
<p>This is the model registry of a Slipway workspace. It has no pages to click through: people use the command
<code>slipway</code> (<code>slipway --help</code>), training scripts MLflow's client, programs the API.</p>
<ul>
<li>MLflow tracking: <code>mlflow.set_tracking_uri</code> with the address of this page
<li>Workspace API: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a> describes every call
<li>Images: <a href="/v2/">/v2/</a>, an OCI registry to push to and pull from
<li>Is it up? <a href="/health">/health</a>; which version? <a href="/version">/version</a>
</ul>
<p>Models are scored at another address, that of the edge: <code>slipway status</code> shows it.</p>
</html>
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


async def front_page(_request: Request) -> Response:
    """Say what this is and where to go on."""
    return HTMLResponse(_HTML, headers=_HEADERS)
