"""Numbers for Prometheus. One object, made by `serve` and handed to who counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """What a node counts, and what it looks up when it is asked."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accepted = Counter("mailgate_accepted_mails", "Mails made durable", ["road"], registry=self.registry)
        self.mails = Counter("mailgate_processed_mails", "Mails by outcome", ["outcome"], registry=self.registry)
        self.deliveries = Counter("mailgate_deliveries", "Tries of delivery", ["state"], registry=self.registry)
        self.sweep_failures = Counter(
            "mailgate_sweep_failures", "Sweeps that failed", ["sweep"], registry=self.registry
        )
        self.journal = Gauge("mailgate_journal_rows", "Journal rows by outcome", ["outcome"], registry=self.registry)
        self.outbox = Gauge("mailgate_outbox_rows", "Outbox rows by state", ["state"], registry=self.registry)
        self.journal_age = Gauge(
            "mailgate_journal_oldest_seconds", "Age of the oldest undecided mail", registry=self.registry
        )
        self.outbox_age = Gauge(
            "mailgate_outbox_oldest_seconds", "Age of the oldest mail that has not left", registry=self.registry
        )
        self.database_up = Gauge(
            "mailgate_database_up", "Whether the database answered this time", registry=self.registry
        )
        self.rules_well = Gauge(
            "mailgate_rules_well", "Whether the rules on disk are those in force", registry=self.registry
        )
        self.imap_success = Gauge(
            "mailgate_imap_last_success_timestamp", "Last success of a folder", ["account", "folder"],
            registry=self.registry,
        )  # fmt: skip
        self.imap_well = Gauge(
            "mailgate_imap_well", "Whether a folder is read", ["account", "folder"], registry=self.registry
        )
        self.free_disk = Gauge("mailgate_free_disk_bytes", "Free octets for data", registry=self.registry)

        self.imap_taken = Gauge(
            "mailgate_imap_taken_mails", "Mails taken from a folder since the start", ["account", "folder"],
            registry=self.registry,
        )  # fmt: skip
        self.imap_stuck = Gauge(
            "mailgate_imap_stuck_mails", "Mails of a folder that failed three times or more", ["account", "folder"],
            registry=self.registry,
        )  # fmt: skip
        self.imap_oversize = Gauge(
            "mailgate_imap_oversize_mails", "Mails larger than allowed, left in a folder since the start",
            ["account", "folder"], registry=self.registry,
        )  # fmt: skip
        self.imap_renumbered = Gauge(
            "mailgate_imap_renumbered_times", "How often all numbers of a folder changed since the start",
            ["account", "folder"], registry=self.registry,
        )  # fmt: skip
        self.token_expiry = Gauge(
            "mailgate_token_expiry_timestamp", "When the access token in use expires", ["account"],
            registry=self.registry,
        )  # fmt: skip
        self.token_well = Gauge(
            "mailgate_token_well", "Whether the last try to get an access token had one", ["account"],
            registry=self.registry,
        )  # fmt: skip
        self.timer_lag = Gauge(
            "mailgate_timer_lag_seconds", "How late the timer is that should have fired first", registry=self.registry
        )

        self.audit_overdue = Gauge(
            "mailgate_audit_overdue", "Whether no audit was done for too long", registry=self.registry
        )
        self.blobs = Histogram(
            "mailgate_blob_seconds", "Requests to object storage", ["operation", "succeeded"],
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30), registry=self.registry,
        )  # fmt: skip
        self.audit_at = Gauge("mailgate_audit_last_timestamp", "When the last audit was done", registry=self.registry)
        self.audit_found = Gauge("mailgate_audit_found", "What the last audit found", ["what"], registry=self.registry)

    def blob_asked(self, operation: str, succeeded: bool, seconds: float) -> None:
        """Count a request to object storage."""
        self.blobs.labels(operation, "yes" if succeeded else "no").observe(seconds)

    def text(self) -> bytes:
        """The numbers in Prometheus' text format."""
        return generate_latest(self.registry)
