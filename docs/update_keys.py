"""Put the keys of recipes, as the schema has them, into docs/reference/recipes.md: python docs/update_keys.py."""

import re
import sys
from pathlib import Path

from hbi.experiments.keys import keys_markdown, recipe_keys

PAGE = Path(__file__).parent / "reference" / "recipes.md"
BLOCK = re.compile(r"(<!-- keys: [^>]*-->\n).*?(<!-- end of keys -->)", re.DOTALL)


def main() -> None:
    text, num_places = BLOCK.subn(
        lambda match: f"{match[1]}\n{keys_markdown(recipe_keys())}\n{match[2]}", PAGE.read_text()
    )
    if num_places != 1:
        sys.exit(f"{PAGE} has lost the comments around its keys")
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
