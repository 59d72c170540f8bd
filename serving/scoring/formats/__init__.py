"""Arrays as JSON and as bytes, the same for every door that speaks either."""
