"""The hardening contract: the rules of policy/hardening.yaml, evaluated on the bytes that are shipped."""
