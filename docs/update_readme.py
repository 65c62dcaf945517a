"""Put the demo's table and its third explanation into the README: python docs/update_readme.py [DEMO_FOLDER]."""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(demo: Path) -> None:
    readme = ROOT / "README.md"
    table = (demo / "results.md").read_text()
    text, num_places = re.subn(
        r"(<!-- results: [^>]*-->\n).*?(<!-- end of results -->)",
        lambda match: f"{match[1]}\n{table}\n{match[2]}",
        readme.read_text(),
        flags=re.DOTALL,
    )
    if num_places != 1:
        sys.exit("README.md has lost the comments around its table")
    readme.write_text(text)
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    shutil.copyfile(demo / "explanation-3.png", ROOT / "docs" / "images" / "explanation.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "demo"))
