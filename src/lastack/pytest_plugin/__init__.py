"""The pytest option --lastack-endings: what tests do wrong when they close TCP sockets."""

from .endings import Endings as Endings
