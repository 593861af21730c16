"""Names for tests of sending: what each resolves to, and a DNS server that changes its mind."""

import asyncio
import socket


def naming(*addresses):
    async def resolve(host, port):
        return addresses

    return resolve


class Names(asyncio.DatagramProtocol):
    """A DNS server for one name: gives its addresses one after another, the last for ever."""

    def __init__(self, *addresses):
        self.addresses = list(addresses)
        self.asked = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.asked += 1
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        answer = b"\xc0\x0c\x00\x01\x00\x01" + bytes(4) + b"\x00\x04" + socket.inet_aton(address)
        head = data[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
        self.transport.sendto(head + data[12:] + answer, sender)


async def asked_of(names):
    """A resolver that asks the DNS server each time, as one without a cache does."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", 0))
    place = transport.get_extra_info("sockname")

    async def resolve(host, port):
        labels = b"".join(bytes([len(x)]) + x.encode() for x in host.split(".")) + b"\0"
        query = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\x00\x01\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            await loop.sock_connect(asking, place)
            await loop.sock_sendall(asking, query)
            answer = await loop.sock_recv(asking, 512)
        return [socket.inet_ntoa(answer[-4:])]

    return resolve
