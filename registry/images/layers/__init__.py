"""What lies in which layer of an image.

Map::

    base.py      a layer to be: its kind and its files
    models.py    a model's files, large ones in layers of their own, and the links under which scripts find them
    stack.py     all layers of an image, from the lowest to the highest
    packed.py    layers as blobs, packed once however often they are built
"""
