"""System tests stand on what integration tests stand on."""

from tests.integration.conftest import built, store

__all__ = ["built", "store"]
