"""The commands of the command line, one file and one `run` each, and what they share."""
