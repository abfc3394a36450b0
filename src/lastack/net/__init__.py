"""The simulated network: links with delay, loss, rate and rules; and what stands in for a wire."""

from .clock import Clock as Clock
from .clock import VirtualClock as VirtualClock
from .link import Direction as Direction
from .link import LinkRules as LinkRules
from .network import LOOPBACK as LOOPBACK
from .network import Network as Network
from .pipe import Pipe as Pipe
from .rules import DROP as DROP
from .rules import PASS as PASS
from .rules import Delay as Delay
from .rules import Duplicate as Duplicate
from .rules import Fate as Fate
from .rules import Guard as Guard
from .rules import Mangle as Mangle
from .rules import Rule as Rule
