"""What the nightly and weekly flows look at, as steps that an operator sees."""
