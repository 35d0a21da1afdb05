"""Prefect flows, which only wire tasks together, and the command line."""
