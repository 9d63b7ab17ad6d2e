"""How a short message leaves: a provider by Apprise, one recipient, one plain result.

Promises: `send` never raises for what a provider or the network does. Apprise does not tell a refusal from a fault, so
whatever did not leave is deferred, and the outbox gives up in its own time; delivery is at least once. The provider's
URL holds its password: it is in no result and no log of ours. Blocking, bounded by the provider's time-out, safe
between threads. Apprise is imported with the first message, for it is large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailgate.notify.transport import DeliveryResult
from mailgate.sections import NUMBER


@dataclass(frozen=True, slots=True)
class Provider:
    """url: of Apprise, with `{number}` in it. seconds: how long it may take to connect, and to answer."""

    url: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers by channel."""

    by_channel: Mapping[str, Provider]

    def send(self, channel: str, number: str, text: str) -> DeliveryResult:
        """Hand one message to the channel's provider. number: E.164, with its plus."""
        provider = self.by_channel.get(channel)
        if provider is None:
            return _deferred(channel, "no provider is set up")
        import apprise

        asset = apprise.AppriseAsset(async_mode=False, app_id="mailgate", plugin_paths=[])
        url = provider.url.strip().replace(NUMBER, number.removeprefix("+"))
        door = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if door is None:
            return _deferred(channel, "the provider's URL is none that Apprise knows")
        door.socket_connect_timeout = door.socket_read_timeout = provider.seconds
        try:
            taken = door.notify(body=text, body_format=apprise.NotifyFormat.TEXT)
        except Exception as error:  # of any of its many plugins; its words may hold the URL
            return _deferred(channel, f"the provider could not be asked: {type(error).__name__}")
        if not taken:
            return _deferred(channel, "the provider did not take the message")
        return DeliveryResult("accepted", 0, "", "the provider took the message", channel)


def _deferred(channel: str, why: str) -> DeliveryResult:
    return DeliveryResult("deferred", 0, "", why, channel)
