"""YAML without what a recipe does not need and an attacker does: tags, names for parts, and endless nesting."""

from typing import Any

import yaml

MOST_DEPTH = 20
"""Sections and lists inside one another; recipes have three."""


def load_yaml(text: str) -> Any:
    """Return what YAML text says: numbers, texts, lists and mappings with text keys, none of them twice.

    Raises:
        ValueError: It is not such text. What it says may follow "is not valid YAML".

    >>> load_yaml("a: [1, 0.5]")
    {'a': [1, 0.5]}
    """
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or next(iter(str(error).splitlines()), "")
        raise ValueError(f"{place}: {problem}") from error
    except (ValueError, OverflowError) as error:  # dates that no calendar has, numbers of thousands of digits
        raise ValueError(f": {error}") from error


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors (&name, *name) are not read", problem_mark=event.start_mark)
        if getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="tags (!name) are not read", problem_mark=event.start_mark)
        if self.depth > MOST_DEPTH:
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem="a key is no text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value[:100]!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
