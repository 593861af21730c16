"""Programs that some tests need, and that not every machine has."""

import os
import shutil

import pytest

LEFT_OUT = "left out: "


def needed(*names: str) -> None:
    """Leaves the test out where one of the programs is missing; in CI that is a failure."""
    missing = [name for name in names if shutil.which(name) is None]
    if not missing:
        return
    why = f"{LEFT_OUT}not on the PATH: {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
