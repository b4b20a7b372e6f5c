"""Left out of images."""
