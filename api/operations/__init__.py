"""Operations: runs, the audit, events."""
