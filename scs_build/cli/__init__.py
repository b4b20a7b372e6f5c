"""The command line: the adapter that imports every room and that no room imports."""
