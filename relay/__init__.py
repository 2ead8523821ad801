"""What tells other programs of events: positions in the feed, the topic exchange, and webhooks."""
