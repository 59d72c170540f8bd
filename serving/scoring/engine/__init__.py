"""Which request is worked on, when, and by which thread: tickets, the line, the model's threads, admission."""
