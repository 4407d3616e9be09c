"""Lets the tests here import the two modules that they share with `make fuzz`."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
