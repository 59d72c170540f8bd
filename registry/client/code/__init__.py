"""What a run was made from, as it lies on this machine: code folder, git, environment."""
