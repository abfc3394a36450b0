"""What close() does, case by case, found out by playing every case (`lastack matrix`)."""

from .cases import Case as Case
from .cases import Pending as Pending
from .cases import cases as cases
from .claims import CLAIMS as CLAIMS
from .claims import SOURCES as SOURCES
from .claims import Claim as Claim
from .claims import Judged as Judged
from .claims import claims_json as claims_json
from .claims import judge as judge
from .claims import judge_all as judge_all
from .claims_profiles import profile_lines as profile_lines
from .claims_text import claim_in_full as claim_in_full
from .claims_text import claim_lines as claim_lines
from .claims_text import claims_markdown as claims_markdown
from .peer import Peer as Peer
from .play import Target as Target
from .play import play as play
from .play import play_on as play_on
from .play import rows as rows
from .rows import Fate as Fate
from .rows import Row as Row
from .rows import table as table
