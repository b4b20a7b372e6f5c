"""Inputs of kind `git`: the tree of one commit."""
