"""The REST doors: workspace API, MLflow API, OCI API. Handlers convert, call one operation, convert.

app.py holds every route on one screen; route.py the shape of a route; openapi.py makes the document from the routes;
errors.py turns every error into its protocol's body; server.py is the process. mlflow/ and oci/ speak those protocols,
the other folders the workspace API, room by room.
"""
