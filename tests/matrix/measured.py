"""What Linux 6.18 did in 66 of the 84 cases, seconds as a program measured them.

docs/kernel-notes/linger.md tells how; the same peers, 30,000 bytes, close() some time after the
write. Never measured: bytes unread with everything acknowledged, and a peer that answers probes.
"-" in column `first` stands for "nothing but retransmissions and probes". Where the connection was
watched for 2.2 s only and was in FIN-WAIT-1 then, its end is that of the orphans in
docs/kernel-notes/give-up.md.
"""

from __future__ import annotations

from dataclasses import dataclass

_TABLE = """
on linger pending            unread  returned  blocking  nonblocking  first  data                  time_wait
0  0      none               no      0         0.000     0.000        F.     none                  closer
0  0      none               yes     0         0.000     0.000        R.     none                  none
0  0      acked              no      0         0.000     0.000        F.     delivered             closer
0  0      slow               no      0         0.000     0.000        .      background-delivered  closer
0  0      slow               yes     0         0.000     0.001        R.     destroyed             none
0  0      silent             no      0         0.000     0.000        -      background-lost       none
0  0      silent             yes     0         0.000     0.000        R.     destroyed             none
0  0      finonly            no      0         0.000     0.000        F.     delivered             none
0  0      finonly            yes     0         0.000     0.000        R.     delivered             none
0  0      zero-window-silent no      0         0.000     0.000        -      background-lost       none
0  0      zero-window-silent yes     0         0.000     0.000        R.     destroyed             none
1  0      none               no      0         0.000     0.000        R.     none                  none
1  0      none               yes     0         0.000     0.000        R.     none                  none
1  0      acked              no      0         0.000     0.000        R.     delivered             none
1  0      slow               no      0         0.001     0.001        R.     destroyed             none
1  0      slow               yes     0         0.000     0.000        R.     destroyed             none
1  0      silent             no      0         0.000     0.000        R.     destroyed             none
1  0      silent             yes     0         0.000     0.000        R.     destroyed             none
1  0      finonly            no      0         0.000     0.000        R.     delivered             none
1  0      finonly            yes     0         0.000     0.000        R.     delivered             none
1  0      zero-window-silent no      0         0.000     0.000        R.     destroyed             none
1  0      zero-window-silent yes     0         0.000     0.000        R.     destroyed             none
1  1      none               no      0         0.000     0.001        F.     none                  closer
1  1      none               yes     0         0.000     0.000        R.     none                  none
1  1      acked              no      0         0.001     0.000        F.     delivered             closer
1  1      slow               no      0         0.960     0.942        .      delivered             closer
1  1      slow               yes     0         0.000     0.001        R.     destroyed             none
1  1      silent             no      0         1.014     1.013        -      background-lost       none
1  1      silent             yes     0         0.000     0.000        R.     destroyed             none
1  1      finonly            no      0         1.026     1.030        F.     delivered             none
1  1      finonly            yes     0         0.000     0.000        R.     delivered             none
1  1      zero-window-silent no      0         1.022     1.025        -      background-lost       none
1  1      zero-window-silent yes     0         0.000     0.000        R.     destroyed             none
"""  # noqa: E501  # a table is read by its columns


@dataclass(frozen=True)
class Measured:
    """One row as measured; `waited` in seconds."""

    onoff: int
    linger: int
    blocking: bool
    pending: str
    unread: bool
    returned: str
    waited: float
    first: str
    data: str
    time_wait: str


def _rows() -> list[Measured]:
    rows = []
    for line in _TABLE.strip().splitlines()[1:]:
        on, linger, pending, unread, returned, block, nonblock, first, data, wait = line.split()
        for blocking, waited in ((True, block), (False, nonblock)):
            who = (int(on), int(linger), blocking, pending, unread == "yes")
            rows.append(Measured(*who, returned, float(waited), first, data, wait))
    return rows


MEASURED = _rows()
