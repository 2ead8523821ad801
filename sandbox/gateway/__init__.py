"""The sandbox payment gateway: a process of its own that speaks the part of Stripe's API that the shop uses."""
