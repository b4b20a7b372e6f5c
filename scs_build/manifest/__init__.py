"""The manifest of a set of images: what two honest builders must agree on, and the evidence beside it."""
