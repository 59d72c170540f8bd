"""Curated environments: a shelf that comes with the installation, the same in every workspace."""

from registry.core.imaging.environments import CuratedEnvironment
from registry.images.environments.curated import all_curated, find_curated


def list_environments() -> list[CuratedEnvironment]:
    """Return every version of every curated environment, by name and then from new to old."""
    return list(all_curated())


def get_environment(reference: str) -> CuratedEnvironment:
    """Return the environment that ``sklearn:1``, ``sklearn@latest`` or ``sklearn`` means.

    Raises:
        InvalidInput: the reference is none of the accepted forms.
        NotFound: there is none.
    """
    return find_curated(reference)
