"""Azure ML's contract between its scoring server and a script: what run() is given, and what it may return.

Map::

    entry.py          how a script's run() is to be called, found out once when it is loaded
    inputs.py         a request as run()'s arguments: as text, by name (inference-schema), or raw (@rawhttp)
    answers.py        what run() returned, as what a door sends
    schemas.py        what inference-schema's decorators say of run(): its documents
    schema_tensors.py and the same as tensors of the Open Inference Protocol
    modules.py        the modules of Azure ML's that a script may import though its image does not have them
    flask_requests.py a request as Flask's, where the image has Flask
    plain_request.py  and the like of it where it has not, with
    plain_response.py the response,
    fields.py         their headers, forms and files, and
    multipart.py      forms with files
"""
