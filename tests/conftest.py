"""Every shape that a signature of `ops`, `games` or `models` promises is checked while the tests run."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from jaxtyping import install_import_hook

install_import_hook(["hbi.ops", "hbi.models"], "beartype.beartype")
