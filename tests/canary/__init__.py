"""Small images whose every byte is known: every kind of step, from artefacts that the tests make."""
