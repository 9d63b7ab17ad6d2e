"""Articles: read from a folder of Markdown, made safe to show, found by their words."""
