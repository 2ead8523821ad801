"""Pages for people, on the application of the API: the shop."""
