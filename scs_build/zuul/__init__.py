"""The adapter to Zuul: jobs made from the graph of images, their configuration checked, builds answered."""
