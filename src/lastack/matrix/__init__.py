"""What close() does, case by case, found out by playing every case (`lastack matrix`)."""

from .cases import Case as Case
from .cases import Pending as Pending
from .cases import cases as cases
from .peer import Peer as Peer
from .play import Target as Target
from .play import play as play
from .play import play_on as play_on
from .play import rows as rows
from .rows import Fate as Fate
from .rows import Row as Row
from .rows import table as table
