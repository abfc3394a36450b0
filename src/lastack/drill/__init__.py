"""packetdrill scripts, read and played on virtual time."""

from .captured import captured as captured
from .ground import Ground as Ground
from .many import in_processes as in_processes
from .many import play_files as play_files
from .many import profile_of as profile_of
from .many import scripts_in as scripts_in
from .parser import parse as parse
from .play import Setup as Setup
from .play import play_file as play_file
from .play import play_text as play_text
from .requests import Ends as Ends
from .runner import Result as Result
from .runner import Verdict as Verdict
from .shell import NO_QUEUE as NO_QUEUE
from .shell import QUEUE as QUEUE
from .simulated import Call as Call
from .simulated import Simulated as Simulated
from .syntax import Script as Script
from .syntax import ScriptError as ScriptError
from .syntax import Unsupported as Unsupported
from .target import Answer as Answer
from .target import Left as Left
from .target import OutOfTime as OutOfTime
from .target import Request as Request
