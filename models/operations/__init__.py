"""Operations: the audit of invariants, and data retention."""
