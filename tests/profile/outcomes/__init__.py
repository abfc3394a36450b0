"""A case for every field of a profile, by group."""

from . import beginnings as beginnings
from . import buffers as buffers
from . import endings as endings
from . import keepalive as keepalive
from . import ports as ports
from . import segments as segments
from . import time_wait as time_wait
from . import timers as timers
from .case import CASES as CASES
