"""Real servers on loopback: PostgreSQL, Dovecot, Postfix, Chromium, a DNS stub, a relay sink and the gateway itself.

Every server gets its own folder and free ports, is started and stopped by process id, and is waited for by asking it.
"""
