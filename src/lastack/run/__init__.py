"""Unmodified Python programs on simulated hosts, in virtual time."""

from .baton import Hung as Hung
from .baton import Livelock as Livelock
from .baton import current as current
from .foundations import install as install
from .foundations import installed as installed
from .foundations import uninstall as uninstall
from .output import Line as Line
from .process import Node as Node
from .process import Process as Process
from .repeat import fix_addresses as fix_addresses
from .repeat import fixed_hashes as fixed_hashes
from .repeat import same_again as same_again
from .tracebacks import without_ours as without_ours
from .visits import OpenWorld as OpenWorld
from .world import DAWN as DAWN
from .world import FAMILIES as FAMILIES
from .world import Ended as Ended
from .world import Outcome as Outcome
from .world import World as World
