"""scs-build: from a recipe and its lock to images in which every byte is pinned and explained."""

__version__ = "0.1.0"
