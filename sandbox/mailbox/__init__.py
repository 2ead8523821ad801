"""The mailbox: receives the mails, text messages and push notifications that the shop sends, and shows them."""
