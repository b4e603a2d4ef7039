"""Constants of PASCAL-Context that several label readers use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FACTS: dict[str, Any] = json.loads(Path(__file__).with_name("pascal_facts.json").read_text())
