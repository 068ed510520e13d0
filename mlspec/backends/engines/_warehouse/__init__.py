"""The furniture of every SQL engine; who adds one reads `warehouse.py` first, then `line.py`."""
