"""What tells other programs of events: positions in the feed, and the topic exchange."""
