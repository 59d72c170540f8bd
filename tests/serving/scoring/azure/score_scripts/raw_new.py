"""The same by the newer import path, and every part of a request that scripts read."""

from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request):
    asked = request.args.get("part")
    if asked == "json":
        return {"json": request.json, "is_json": request.is_json}
    if asked == "silent":
        return {"json": request.get_json(force=True, silent=True)}
    if asked == "form":
        return {"form": request.form.to_dict(flat=False), "one": request.form["name"]}
    if asked == "fail":
        return AMLResponse({"error": "down"}, 503, json_str=True)
    if asked == "said":
        return AMLResponse("said", 200, run_function_failed=True)
    if asked == "none":
        return AMLResponse(None, 202)
    if asked == "empty":
        return AMLResponse("", 204)
    if asked == "ids":
        return AMLResponse("x", 200, {"x-request-id": "mine", "X-Own": "kept"})
    if asked == "raise":
        raise ValueError("no")
    if asked == "set":
        return {1, 2}
    return {
        "method": request.method,
        "path": request.path,
        "full_path": request.full_path,
        "query": request.query_string.decode(),
        "args": request.args.to_dict(flat=False),
        "number": request.args.get("n", type=int),
        "content_type": request.content_type,
        "mimetype": request.mimetype,
        "length": request.content_length,
        "cookies": dict(request.cookies),
        "tenant": request.headers.get("x-tenant"),
        "has": "X-Tenant" in request.headers,
        "text": request.get_data(as_text=True),
        "data": request.data.decode(),
        "is_request": isinstance(request, AMLRequest.__mro__[1]),
    }
