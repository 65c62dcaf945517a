"""Is a data set what it should be? Sizes, files, captions and the borders between splits."""
