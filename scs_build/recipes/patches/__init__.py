"""Patches of a recipe: a header that a machine reads, and a diff that is applied exactly."""
