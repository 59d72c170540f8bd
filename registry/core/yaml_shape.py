"""The shape of a YAML document before it is composed: libyaml's composer recurses, and aliases stand for copies.

PyYAML's C extension dies of a deep document by its stack, with the process. Its parser does not recurse, so its events
are walked first.
"""

import re

import yaml

MAX_DEPTH = 100
MAX_ALIASED = 1_000_000  # characters and values that all aliases stand for
MAX_DIGITS = 1000  # 1:30:00 is a number too, and takes the square of its length
_NUMBER = re.compile(r"[-+0-9_:.]+\Z")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def shape_error(data: bytes | str) -> str | None:
    """Say why a document must not be composed; None if it may be.

    Raises:
        yaml.YAMLError: it is no YAML.
        ValueError: it is no text.
    """
    open_anchors: list[tuple[str | None, int]] = []  # of the collections around, and what was before each
    weights: dict[str | None, int] = {}
    weight = aliased = 0
    for event in yaml.parse(data, Loader=_LOADER):
        match event:
            case yaml.CollectionStartEvent():
                open_anchors.append((event.anchor, weight))
                weight += 1
                if len(open_anchors) > MAX_DEPTH:
                    return f"this is nested more than {MAX_DEPTH} deep"
            case yaml.CollectionEndEvent():
                anchor, before = open_anchors.pop()
                if anchor is not None:
                    weights[anchor] = weight - before
            case yaml.ScalarEvent():
                if not event.implicit[1] and len(event.value) > MAX_DIGITS and _NUMBER.match(event.value):
                    return f"this has a number of more than {MAX_DIGITS:,} digits"
                weight += 1 + len(event.value)
                if event.anchor is not None:
                    weights[event.anchor] = 1 + len(event.value)
            case yaml.AliasEvent():
                if any(anchor == event.anchor for anchor, _ in open_anchors):
                    return f"the alias *{event.anchor} is inside of what it stands for"
                stands_for = weights.get(event.anchor, 0)
                weight += stands_for
                aliased += stands_for
                if aliased > MAX_ALIASED:
                    return f"its aliases stand for more than {MAX_ALIASED:,} characters"
    return None
