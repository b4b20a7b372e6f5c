"""What is built: typed models and the strict loader that names file, line and column."""
