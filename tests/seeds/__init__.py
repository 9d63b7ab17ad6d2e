"""The five documents that describe what to build, each told as a story against its preset: by mail, in its own
words.

`(R028)` beside a sentence is the requirement that it promises. What only a page can show is listed in each module
as "portal": mail alone cannot tell it.
"""
