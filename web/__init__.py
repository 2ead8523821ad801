"""Pages for people, on the application of the API: the shop, the desk of its staff, the console of operators."""
