"""Readable names of ImageNet's 1,000 classes, from WordNet by way of timm."""

from typing import Any, NamedTuple


class Name(NamedTuple):
    """One class: a name of its own, other words for the same, and what WordNet says that it is."""

    name: str
    aliases: tuple[str, ...]
    definition: str


def imagenet_names() -> tuple[Name, ...]:
    """Return the names in the order of the classes; no two are the same."""
    from timm.data.imagenet_info import ImageNetInfo  # timm takes seconds to import

    info: Any = ImageNetInfo()
    found = []
    for index in range(info.num_classes()):
        words, _, definition = info.index_to_description(index, detailed=True).partition(": ")
        name, *aliases = words.split(", ")
        found.append(Name(name, tuple(aliases), definition))
    firsts = [item.name for item in found]
    return tuple(item if firsts.count(item.name) == 1 else _distinct(item) for item in found)


def _distinct(item: Name) -> Name:
    """Tell the crane that flies from the one that lifts."""
    return item._replace(name=f"{item.name} ({(*item.aliases, item.definition.partition(';')[0])[0]})")
