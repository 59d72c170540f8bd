"""Says whose classes it was given."""

from azureml_inference_server_http.api import aml_request
from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request):
    got = type(request)
    return AMLResponse(
        {
            "AMLRequest": AMLRequest.__module__,
            "AMLResponse": AMLResponse.__module__,
            "file": aml_request.__file__.split("/python")[0],
            "got": f"{got.__module__}.{got.__name__}",
        },
        200,
        json_str=True,
    )
