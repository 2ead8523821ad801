"""How the shop is: its health, its load, and whether its invariants hold."""
