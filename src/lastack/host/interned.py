"""Addresses as numbers of 32 bits, for the columns of a table."""

from __future__ import annotations


class InternedAddresses:
    """An IPv4 address is its own number; an IPv6 address has one while somebody uses it.

    The numbers of the two families overlap: who stores a number stores the family beside it.
    """

    def __init__(self) -> None:
        self._number: dict[bytes, int] = {}
        self._address: list[bytes] = []
        self._users: list[int] = []
        self._unused: list[int] = []

    def find(self, address: bytes) -> int:
        """Return the number of an address, -1 if it has none."""
        if len(address) == 4:
            return int.from_bytes(address, "big")
        return self._number.get(address, -1)

    def show(self, number: int, ipv6: bool) -> bytes:
        """Return the address of a number."""
        return self._address[number] if ipv6 else number.to_bytes(4, "big")

    def take(self, address: bytes) -> int:
        """Return the number, which stays the address's until it was given back as often."""
        number = self.find(address)
        if number < 0:
            if not self._unused:
                self._unused.append(len(self._address))
                self._address.append(b"")
                self._users.append(0)
            number = self._unused.pop()
            self._number[address] = number
            self._address[number] = address
        if len(address) == 16:
            self._users[number] += 1
        return number

    def give_back(self, number: int, ipv6: bool) -> None:
        """Take back one `take`."""
        if not ipv6:
            return
        self._users[number] -= 1
        if not self._users[number]:
            del self._number[self._address[number]]
            self._address[number] = b""
            self._unused.append(number)
