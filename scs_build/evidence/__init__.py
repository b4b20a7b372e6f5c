"""Evidence: what checks find out about an image, each as an attestation about its digest."""
