"""Takes an image or a form as it came, in the style of Azure ML's documentation."""

import json

from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    print("This is init()")


@rawhttp
def run(request):
    print("This is run()")
    if request.method == "GET":
        return AMLResponse("URL: " + request.full_path, 200)
    if request.method == "POST":
        if request.files:
            file = request.files["image"]
            content = file.read()
            found = {"name": file.filename, "type": file.content_type, "bytes": len(content), "sum": sum(content) % 251}
            return AMLResponse({**found, **request.form.to_dict()}, 200, json_str=True)
        body = request.get_data(False)
        headers = {"Content-Type": request.headers.get("Content-Type"), "X-Length": str(len(body)), "X-Two": "a, b"}
        return AMLResponse(body, 201, headers)
    if request.method == "OPTIONS":
        return AMLResponse("", 200, {"Allow": "GET, POST, OPTIONS"})
    return AMLResponse(json.dumps({"error": "bad request"}), 500)
