"""Facts about PASCAL-Context that the label kinds share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FACTS: dict[str, Any] = json.loads(Path(__file__).with_name("pascal_facts.json").read_text())
