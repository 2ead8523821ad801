"""What concerns all services: the audit of the invariants, and how long rows are kept."""
