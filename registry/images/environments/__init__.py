"""From where an image's dependencies are taken: ``base`` is what a source gives, one file each for the sources.

Map::

    base.py        requirements, and perhaps a Python version
    pyproject.py   [project] dependencies and extras
    conda.py       the pip part of a conda.yaml
    mlflow.py      what MLflow wrote beside a model
    curated.py     the environments that have a name, from ``registry/images/curated``
    choose.py      the one that a build asks for
"""
