"""Ports made real: metadata over SQLAlchemy Core (SQLite or PostgreSQL) and blobs over obstore.

One module per noun turns records into rows and back; each function takes a ``Connection`` and leaves transactions,
rules, clock and ids to the operations above it. Nothing above this floor imports SQLAlchemy or obstore.
"""
