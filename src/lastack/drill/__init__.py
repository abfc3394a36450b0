"""packetdrill scripts, read and played on virtual time."""

from .many import play_files as play_files
from .many import scripts_in as scripts_in
from .parser import parse as parse
from .play import Setup as Setup
from .play import play_file as play_file
from .play import play_text as play_text
from .runner import Result as Result
from .runner import Verdict as Verdict
from .syntax import Script as Script
from .syntax import ScriptError as ScriptError
