"""The numbers of Linux for families, levels, options and flags; `run` translates where the
interpreter's differ. Source: Linux include/uapi (asm-generic), ip(7), socket(7), tcp(7)."""

from __future__ import annotations

from typing import Final

AF_INET: Final = 2
AF_INET6: Final = 10

SOL_SOCKET: Final = 1
SO_REUSEADDR: Final = 2
SO_TYPE: Final = 3
SO_ERROR: Final = 4
SO_BROADCAST: Final = 6
SO_SNDBUF: Final = 7
SO_RCVBUF: Final = 8
SO_KEEPALIVE: Final = 9
SO_OOBINLINE: Final = 10
SO_LINGER: Final = 13
SO_REUSEPORT: Final = 15
SO_RCVTIMEO: Final = 20
SO_SNDTIMEO: Final = 21
SO_BINDTODEVICE: Final = 25
SO_ACCEPTCONN: Final = 30
SO_PROTOCOL: Final = 38
SO_DOMAIN: Final = 39
SO_PEEK_OFF: Final = 42
SO_ZEROCOPY: Final = 60
SO_RCVTIMEO_NEW: Final = 66
SO_SNDTIMEO_NEW: Final = 67
SCM_RIGHTS: Final = 1
SCM_CREDENTIALS: Final = 2

IPPROTO_IP: Final = 0
IP_TOS: Final = 1
IP_TTL: Final = 2
IP_PKTINFO: Final = 8
IP_MTU_DISCOVER: Final = 10
IP_RECVERR: Final = 11
IP_RECVTTL: Final = 12
IP_RECVTOS: Final = 13
IP_MTU: Final = 14
IP_BIND_ADDRESS_NO_PORT: Final = 24
IP_PMTUDISC_DONT: Final = 0
IP_PMTUDISC_WANT: Final = 1
IP_PMTUDISC_DO: Final = 2
IP_PMTUDISC_PROBE: Final = 3
IP_PMTUDISC_OMIT: Final = 5


IPPROTO_IPV6: Final = 41
IPV6_UNICAST_HOPS: Final = 16
IPV6_MTU: Final = 24
IPV6_RECVERR: Final = 25
IPV6_V6ONLY: Final = 26
IPV6_RECVPKTINFO: Final = 49
IPV6_PKTINFO: Final = 50
IPV6_RECVHOPLIMIT: Final = 51
IPV6_HOPLIMIT: Final = 52
IPV6_RECVTCLASS: Final = 66
IPV6_TCLASS: Final = 67

IPPROTO_TCP: Final = 6
TCP_NODELAY: Final = 1
TCP_MAXSEG: Final = 2
TCP_CORK: Final = 3
TCP_KEEPIDLE: Final = 4
TCP_KEEPINTVL: Final = 5
TCP_KEEPCNT: Final = 6
TCP_SYNCNT: Final = 7
TCP_DEFER_ACCEPT: Final = 9
TCP_LINGER2: Final = 8
TCP_INFO: Final = 11
TCP_QUICKACK: Final = 12
TCP_CONGESTION: Final = 13
TCP_USER_TIMEOUT: Final = 18
TCP_NOTSENT_LOWAT: Final = 25
TCP_INQ: Final = 36
TCP_CM_INQ: Final = TCP_INQ

IPPROTO_UDP: Final = 17

SOCK_STREAM: Final = 1
SOCK_DGRAM: Final = 2

MSG_OOB: Final = 0x01
MSG_PEEK: Final = 0x02
MSG_CTRUNC: Final = 0x08
MSG_TRUNC: Final = 0x20
MSG_EOR: Final = 0x80
MSG_DONTWAIT: Final = 0x40
MSG_WAITALL: Final = 0x100
MSG_ERRQUEUE: Final = 0x2000
MSG_NOSIGNAL: Final = 0x4000
MSG_MORE: Final = 0x8000
MSG_ZEROCOPY: Final = 0x400_0000
MSG_CMSG_CLOEXEC: Final = 0x4000_0000

SHUT_RD: Final = 0
SHUT_WR: Final = 1
SHUT_RDWR: Final = 2

SIOCINQ: Final = 0x541B
SIOCATMARK: Final = 0x8905
SIOCOUTQ: Final = 0x5411
SIOCOUTQNSD: Final = 0x894B
