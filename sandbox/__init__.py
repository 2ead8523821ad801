"""Stand-ins for what is outside the company: a payment gateway and a mailbox, each a process of its own."""
