"""Records that cross a process border on the data plane. Typed and versioned; no I/O, no clock."""
