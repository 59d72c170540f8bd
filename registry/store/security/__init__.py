"""Who may do what, who did it, and secrets."""
