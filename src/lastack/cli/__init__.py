"""The command `lastack`: one file a verb, and nothing but composing and painting."""

from .main import entry as entry
from .main import main as main
