"""What a company's knowledge base is, as values; `app` makes them out of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mailgate.knowledge.assistant import Assistant

#: What each kind of reader may see; a company that shows its articles to customers only has no strangers.
STRANGER: tuple[str, ...] = ("public",)
CUSTOMER: tuple[str, ...] = ("public", "customers")
AGENT: tuple[str, ...] = ("public", "customers", "agents")


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """folder: of Markdown, None for no knowledge base. named: the settings name it, so that it must be there.

    public: strangers may read. offered: how many articles an acknowledgement offers at most.
    """

    folder: Path | None = None
    named: bool = False
    public: bool = True
    offered: int = 3
    assistant: Assistant | None = None

    @property
    def stranger(self) -> tuple[str, ...]:
        """What somebody may see of whom we know nothing."""
        return STRANGER if self.public else ()

    @property
    def is_there(self) -> bool:
        """Whether there is a folder to read from now."""
        return self.folder is not None and self.folder.is_dir()
