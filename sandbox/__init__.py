"""Stand-ins for what is outside the company: a payment gateway, a carrier and a mailbox, each a process of its own."""
