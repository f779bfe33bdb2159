"""Adds the reader's directory to the module path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
