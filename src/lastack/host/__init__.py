"""One machine: connections, listeners, ports, TIME-WAITs. No clock, no network, no I/O."""

from .datagrams import BROADCAST as BROADCAST
from .datagrams import Datagrams as Datagrams
from .datagrams import Mailbox as Mailbox
from .endpoint import Endpoint as Endpoint
from .endpoint import Listener as Listener
from .endpoint import Options as Options
from .host import Host as Host
from .ports import Binding as Binding
from .ports import PortError as PortError
from .ports import Ports as Ports
from .ports import flow_hint as flow_hint
from .power import power_off as power_off
from .timewaits import Counts as Counts
from .timewaits import Place as Place
from .timewaits import TimeWaits as TimeWaits
