"""What depends on the machine: cores, cache folder, worker processes, precision, speed on CPUs."""
