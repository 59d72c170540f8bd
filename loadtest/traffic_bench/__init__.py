"""What a change of the traffic split does to users: a case of ``make bench-traffic``."""
