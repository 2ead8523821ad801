"""Stand-ins for what is outside the company: a payment gateway, PayPal and a mailbox, each a process of its own."""
