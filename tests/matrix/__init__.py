"""The table of close()."""
