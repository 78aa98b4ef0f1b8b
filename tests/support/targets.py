"""Hosts that no workflow may call, in many spellings; none of them is what it seems to a careless reader."""

from __future__ import annotations

import socket


def words(text: str) -> list[str]:
    return text.split()


SPELLINGS = words(
    """
    127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7F.0.0.1 0177.0.0.1 017700000001 0177.1 0x7f.1 127.0.0.0x1
    0 0.0.0.0 0x0 00 10.0.0.1 10.1 167772161 012.0.0.1 0xa000001 192.168.1.1 192.168.257 3232235777
    169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518 0xa9.254.0xa9.254 172.16.1
    2886729729 100.64.0.1 255.255.255.255 4294967295 224.0.0.1
    \uff11\uff12\uff17.0.0.1 ①②⑦.0.0.1 127。0。0。1 127\uff0e0\uff0e0\uff0e1
    [::1] [::] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::ffff:127.0.0.1] [::ffff:7f00:1]
    [0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [::ffff:0:7f00:1] [64:ff9b::7f00:1] [64:ff9b::169.254.169.254]
    [2002:7f00:1::] [2001::1] [fe80::1] [fe80::1%25lo] [fc00::1] [fd00:ec2::254] [fec0::1] [ff02::1]
    [2001:db8::1] [::FFFF:A9FE:A9FE] localhost LOCALHOST LocalHost user@127.0.0.1
    example.com@127.0.0.1 user:pass@[::1]
    """
)

# Whether these are addresses at all depends on the C library; refused as unknown hosts is as good.
ODD = words(
    """
    127.0.0.1. localhost. [::1%25lo] 127.0.0.1.. 0x7f.0x0.0x0.0x1. 256.256.256.256 127.0.0.256 [::1%25] 1e3
    """
)


NAMES = [
    name for name in ("localhost.localdomain", "ip6-localhost", "ip6-loopback", socket.gethostname()) if name
]
"""Names that this machine may know, and that lead nowhere else then."""

CONFUSING = words(
    """
    example.com:80@127.0.0.1 example.com%40127.0.0.1@127.0.0.1 127.0.0.1%2f@localhost a:b:c@[::1]
    example.com\\@127.0.0.1 127.0.0.1\\.example.com 127.0.0.1%00.example.com 127.0.0.1%09 %31%32%37.0.0.1
    1\u00b2\u2077.0.0.1 127.0.0.1\u200b \u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3 loc\u00adalhost
    [::ffff:127.0.0.1%25eth0] [0:0:0:0:0:0:127.0.0.1] [::1].example.com [::1]@127.0.0.1 [127.0.0.1]
    """
)
"""What is a host to one and a user, a path or nothing to another."""
