"""Names of files that usually hold a secret: never recorded; what a run needs of them comes from somewhere else."""

from fnmatch import fnmatchcase

SECRETS = (
    *(".env", ".env.*", ".netrc", ".pypirc", ".pgpass", ".git-credentials", "credentials*"),
    *("*.pem", "*.key", "*.pfx", "*.p12", "*.jks"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*"),  # what ssh-keygen writes; id_map.py is code
)


def may_be_secret(path: str) -> bool:
    """Tell whether a file's name is one that usually holds a secret."""
    name = path.rpartition("/")[2]
    return any(fnmatchcase(name.lower(), pattern) for pattern in SECRETS)
