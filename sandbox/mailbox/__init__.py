"""The mailbox of one machine: takes every mail, text message and push that the shop sends, and shows them."""
