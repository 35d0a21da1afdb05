"""Running Creditloop on one machine: servers as processes, flows in this process."""
