"""Images: built, pushed, tagged, signed, pruned."""
