"""Who a mail is from, and how ours are signed."""
