"""What is content-addressed: blobs, records, trees; fetching, collecting and checking them."""
