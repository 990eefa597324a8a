"""The local service: a supervisor that owns the jobs, and what it shares with its workers."""
