"""The command `lastack`: one file a verb, and nothing but composing and painting."""

from .main import main as main
