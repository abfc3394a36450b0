"""packetdrill scripts, read and played on virtual time."""

from .parser import parse as parse
from .syntax import Script as Script
from .syntax import ScriptError as ScriptError
