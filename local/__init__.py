"""Everything that one machine needs to run the whole shop: embedded servers and a supervisor."""
