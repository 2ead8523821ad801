"""The sandbox payment gateway: a separate process that implements the part of Stripe's API that the shop uses."""
