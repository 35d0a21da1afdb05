"""Settings, and the YAML that they are read from."""
