"""Warehouses in the cloud, each by the connector of its maker; who adds one reads `warehouse.py` first, then `line.py`."""
