"""Images between layouts and registries, by digest; skopeo moves the bytes."""
