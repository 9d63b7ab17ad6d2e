"""A whole helpdesk on one machine, for a first look: gateway, relay, DNS and everybody's mailbox in one process."""
