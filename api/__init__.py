"""HTTP, one file per resource: its schemas, then its views. No rule of the shop lives here."""
