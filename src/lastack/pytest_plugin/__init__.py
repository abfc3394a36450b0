"""pytest: the fixture `net`, a simulated network for one test; --lastack-endings, an audit of what
tests do wrong when they close real TCP sockets."""

from .connections import Connection as Connection
from .endings import Endings as Endings
from .net import Host as Host
from .net import Hung as Hung
from .net import Livelock as Livelock
from .net import Net as Net
from .net import ProgramFailed as ProgramFailed
from .nets import LastackWarning as LastackWarning
from .nets import Nets as Nets
from .nets import seeds_of as seeds_of
