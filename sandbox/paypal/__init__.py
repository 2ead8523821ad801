"""The sandbox PayPal: a process of its own that speaks the part of PayPal's REST API that the shop uses."""
