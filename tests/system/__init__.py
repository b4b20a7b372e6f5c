"""Proofs that take their time: `make test-system`."""
