"""Published facts: what they are, where they are read from, and whether they hold of a model at hand."""
