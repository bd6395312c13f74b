"""What tells one run from another."""

import hashlib
import json
from typing import Any


def run_key(description: dict[str, Any]) -> str:
    """Hash of all that a run's predictions depend on."""
    return hashlib.sha256(json.dumps(description, sort_keys=True, default=str).encode()).hexdigest()
