"""Settings all tests share."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

# Strategies live beside the tests that use them.
sys.path.insert(0, str(Path(__file__).parent / "engines"))

settings.register_profile("suite", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("suite")
