"""The OCI distribution API (specification 1.1): what skopeo, podman, oras, crane and our own nodes speak.

A repository's name is a part of every address, but blobs belong to the workspace: whoever may read one repository may
read all, so a blob that is here need not be sent again, whatever the repository it came with.
"""
