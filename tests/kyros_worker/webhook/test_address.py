# ruff: noqa: RUF001, S104 - odd digits and unspecified addresses are what is tested here

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.webhook.address import (
    is_private,
    networks,
    own_ports,
    refusal,
    refusal_of_url,
)

LOOPBACK = networks("127.0.0.0/8, ::1")


@pytest.mark.parametrize("url", [
    # Loopback in every notation.
    "http://127.0.0.1/", "http://127.0.0.1:8080/hook", "https://127.0.0.1/", "HTTP://127.0.0.1/",
    "http://127.0.0.1./", "http://127.1/", "http://127.0.1/", "http://127.255.255.254/",
    "http://2130706433/", "http://017700000001/", "http://0177.0.0.1/", "http://0177.0.0.01/",
    "http://0x7f000001/", "http://0x7F.0x0.0x0.0x1/", "http://0x7f.1/", "http://0x7f.0.1/",
    "http://127.0x0.00.1/", "http://0x7f000001./", "http://00000177.1/", "http://127.0.0.1../",
    "http://0/", "http://0.0.0.0/", "http://0x0/", "http://00/", "http://0.1/", "http://0x/",
    "http://127.0.0.%31/", "http://%31%32%37.0.0.1/", "http://127%2e0.0.1/",
    "http://１２７.0.0.1/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://127．0．0．1/",
    "http://127｡0｡0｡1/", "http://𝟏𝟐𝟕.0.0.1/", "http://١٢٧.0.0.1/", "http://０x7f.1/",
    "http://[::1]/", "http://[::1]:80/", "http://[0:0:0:0:0:0:0:1]/", "http://[::0001]/",
    "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:7f00:0001]/", "http://[::127.0.0.1]/", "http://[::7f00:1]/",
    "http://[64:ff9b::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b:1::127.0.0.1]/", "http://[64:ff9b:1:7f00:0:100::]/",
    "http://[2002:7f00:1::]/", "http://[2002:7f00:0001::1]/",
    "http://[2001:0:7f00:1::]/", "http://[2001::80ff:fffe]/",
    "http://[2606:4700::5efe:127.0.0.1]/", "http://[2606:4700::200:5efe:7f00:1]/",
    "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://a.localhost/",
    "http://a.b.localhost.:80/", "http://localhost.localdomain/", "http://ｌocalhost/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://localhost。/", "http://ip6-localhost/", "http://ip6-loopback/",
    # Other networks that aren't public.
    "http://10.0.0.1/", "http://10.1/", "http://167772161/", "http://012.0.0.1/",
    "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://192.168.257/",
    "http://100.64.0.1/", "http://169.254.1.1/", "http://198.18.0.1/", "http://192.0.2.1/",
    "http://198.51.100.1/", "http://203.0.113.1/", "http://192.88.99.1/", "http://224.0.0.1/",
    "http://240.0.0.1/", "http://255.255.255.255/", "http://4294967295/", "http://0.1.2.3/",
    "http://192.0.0.8/", "http://[fc00::1]/", "http://[fd12:3456::1]/", "http://[fe80::1]/",
    "http://[fec0::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[100::1]/",
    "http://[3fff::1]/", "http://[5f00::1]/", "http://[4000::1]/", "http://[2001:2::1]/",
    "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::192.168.0.1]/", "http://[2002:a00:1::]/",
    "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1%25lo]/",
    # What a cloud tells its machines.
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/", "http://0xa9.0xfe.43518/", "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/", "http://[fd00:ec2::254]/", "http://[fd20:ce::254]/",
    "http://169.254.170.2/", "http://100.100.100.200/", "http://168.63.129.16/",
    "http://192.0.0.192/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/",
    "http://metadata.google.internal/", "http://METADATA.google.internal./", "http://metadata/",
    "http://metadata.goog/computeMetadata/v1/", "http://instance-data/",
    # What only looks like a URL, or like another one.
    "", "/", "example.com", "//example.com/", "http:", "http://", "http:///x", "http:example.com",
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)",
    "ws://example.com/", "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "http://user@example.com/", "http://user:word@example.com/", "http://:word@example.com/",
    "http://@example.com/", "http://example.com@127.0.0.1/", "http://127.0.0.1@example.com/",
    "http://example.com#@127.0.0.1/", "http://example.com/#part", "http://example.com/#",
    "http://example.com\\@127.0.0.1/", "http:\\\\127.0.0.1\\", "http://127.0.0.1\\.example.com/",
    "http://exa mple.com/", " http://example.com/", "http://example.com/ ", "http://a\tb.com/",
    "http://example.com/\r\nX-Injected: 1", "http://example.com/\x00", "http://exam\u00adple.com/",
    "http://exam\u200bple.com/", "http://example.com/\u2028", "http://example.com/\x7f",
    "http://example.com:0/", "http://example.com:65536/", "http://example.com:-1/",
    "http://example.com:+80/", "http://example.com:８０/", "http://example.com:x/",
    "http://[127.0.0.1]/", "http://[v1.x]/", "http://[::1/", "http://::1/", "http://[::1]x/",
    "http://1.2.3.4.5/", "http://256.256.256.256/", "http://example.1/", "http://08.1.1.1/",
    "http://0x08080808/", "http://134744072/", "http://8.8.2056/",
    "http://a,b.com/", "http://a..b/", "http://./", "http://*.example.com/", "http://exa%6dple.com/",
    "http://" + "a" * 64 + ".com/", "http://" + "a." * 127 + "com/",
    "http://example.com/" + "a" * 2030,
])  # fmt: skip
def test_such_a_url_is_refused(url):
    reason = refusal_of_url(url)
    assert reason is not None
    assert reason.endswith(".")


@pytest.mark.parametrize("url", [
    "http://example.com", "https://example.com/", "https://hooks.example.com:8443/a/b?c=d&e=%20",
    "HTTPS://EXAMPLE.COM/", "https://example.com./", "https://bücher.example/ü", "http://例え.jp/",
    "https://xn--bcher-kva.example/", "http://postgres/", "http://a_b.example/", "http://8.8.8.8/",
    "http://8.8.8.8:65535/", "https://[2606:4700::1111]/", "https://[2606:4700::1111]:8443/",
    "http://[::ffff:8.8.8.8]/", "http://[64:ff9b::8.8.8.8]/", "http://127.0.0.1.example.com/",
    "http://localhost.example.com/", "http://notlocalhost/", "http://metadata.example.com/",
    "http://100.63.255.255/", "http://100.128.0.1/", "http://172.32.0.1/", "http://11.0.0.1/",
    "https://example.com/@user", "http://example.com:/", "http://1e1.example/", "http://3com.com/",
    "http://example.com/" + "a" * 2029,
])  # fmt: skip
def test_a_public_url_is_let_through(url):
    assert refusal_of_url(url) is None


@pytest.mark.parametrize("url", [
    "http://127.0.0.1:9000/", "http://localhost:9000/", "http://a.localhost/", "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
])  # fmt: skip
def test_an_allowed_network_lets_its_urls_through(url):
    assert refusal_of_url(url) is not None
    assert refusal_of_url(url, LOOPBACK) is None


@pytest.mark.parametrize("url", [
    "http://127.1/", "http://2130706433/", "http://10.0.0.1/", "http://0.0.0.0/",
    "http://user@127.0.0.1/", "http://[::127.0.0.1]/", "http://[64:ff9b:1::127.0.0.1]/",
])  # fmt: skip
def test_an_allowed_network_lets_nothing_else_through(url):
    assert refusal_of_url(url, LOOPBACK) is not None


EVERYTHING = networks("0.0.0.0/0, ::/97, 64:ff9b::/32, 2000::/3, 4000::/2, 8000::/1")


@pytest.mark.parametrize("address", [
    "169.254.169.254", "169.254.170.2", "169.254.169.253", "169.254.169.123", "169.254.170.23",
    "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0",
    "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::", "2001::5601:5601", "fd00::5efe:169.254.169.254",
    "fd00:0ec2:0:0:0:0:0:0254",
])  # fmt: skip
def test_metadata_is_never_reached(address):
    reason = refusal(address, 80, EVERYTHING)
    assert reason is not None
    assert "metadata" in reason


@pytest.mark.parametrize("name", ["metadata.google.internal", "metadata", "instance-data"])
def test_metadata_names_are_never_reached(name):
    assert "metadata" in (refusal_of_url(f"http://{name}/", EVERYTHING) or "")


@pytest.mark.parametrize(("address", "kind"), [
    ("10.0.0.1", "private"), ("127.0.0.1", "loopback"), ("0.0.0.0", "unspecified"),
    ("169.254.1.1", "link-local"), ("224.0.0.1", "multicast"), ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"), ("198.18.0.1", "for benchmarks"), ("::1", "loopback"),
    ("2002:808:808::1", "a tunnel"), ("fe80::1", "link-local"), ("::ffff:10.0.0.1", "private"),
    ("64:ff9b::10.0.0.1", "private"), ("2606:4700::5efe:a00:1", "private"),
])  # fmt: skip
def test_a_refusal_says_what_the_address_is(address, kind):
    assert refusal(address, 80) == (
        f"The address {address} is {kind}: it is reached only where"
        " KYROS_WEBHOOK_ALLOWED_NETWORKS names it."
    )
    assert is_private(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "1.1.1.1"])
def test_a_public_address_is_not_private(address):
    assert refusal(address, 443) is None
    assert not is_private(address)


@pytest.mark.parametrize("address", ["", "example.com", "1.2.3", "fe80::1%lo", "8.8.8.8%1", "0x8"])
def test_what_is_no_plain_address_is_refused(address):
    assert refusal(address, 80, EVERYTHING) is not None
    assert is_private(address)


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_a_port_out_of_range_is_refused(port):
    assert refusal("8.8.8.8", port) is not None


OWN = own_ports([5432, 6379], ["10.0.0.5", "2606:4700::5"]) | {("10.0.0.9", 6432)}


@pytest.mark.parametrize(("address", "port", "own"), [
    ("127.0.0.1", 5432, True), ("127.0.0.1", 6379, True), ("127.9.9.9", 5432, True),
    ("::1", 5432, True), ("0.0.0.0", 5432, True), ("::", 6379, True),
    ("::ffff:127.0.0.1", 5432, True), ("::ffff:0.0.0.0", 5432, True), ("10.0.0.5", 5432, True),
    ("2606:4700:0::5", 5432, True), ("64:ff9b::10.0.0.5", 6379, True), ("10.0.0.9", 6432, True),
    ("127.0.0.1", 5433, False), ("10.0.0.6", 5432, False), ("10.0.0.9", 5432, False),
    ("8.8.8.8", 5432, False),
])  # fmt: skip
def test_the_stacks_own_ports_are_never_reached(address, port, own):
    reason = refusal(address, port, EVERYTHING, OWN)
    assert (reason is not None and "own" in reason) is own
    assert own or reason is None


@pytest.mark.parametrize("url", [
    "http://localhost:5432/", "http://127.0.0.1:5432/", "http://127.1:6379/", "http://0:6379/",
    "http://[::1]:5432/", "http://10.0.0.5:5432/", "http://[::ffff:10.0.0.5]:5432/",
])  # fmt: skip
def test_a_url_of_the_stacks_own_ports_is_refused(url):
    assert "own" in (refusal_of_url(url, EVERYTHING, OWN) or "")


def test_the_default_ports_count():
    assert refusal_of_url("http://127.0.0.1/", LOOPBACK, own_ports([80])) is not None
    assert refusal_of_url("https://127.0.0.1/", LOOPBACK, own_ports([443])) is not None
    assert refusal_of_url("https://127.0.0.1/", LOOPBACK, own_ports([80])) is None


@pytest.mark.parametrize(("text", "found"), [
    ("", ()), (" , ,", ()), ("127.0.0.0/8", (IPv4Network("127.0.0.0/8"),)),
    ("10.0.0.1", (IPv4Network("10.0.0.1/32"),)),
    (" 10.0.0.0/8 ,fd00::/8,", (IPv4Network("10.0.0.0/8"), IPv6Network("fd00::/8"))),
])  # fmt: skip
def test_networks(text, found):
    assert networks(text) == found


@pytest.mark.parametrize("text", [
    "x", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/8 fd00::/8", "localhost", "::ffff:10.0.0.0/104",
    "::/0", "10.0.0.0/8;fd00::/8",
])  # fmt: skip
def test_a_wrong_network_is_told(text):
    with pytest.raises(ValueError, match=r"'.*' .*\.$"):
        networks(text)


PRIVATE = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip
PRIVATE_6 = ("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32", "2002::/16")


def within(*named):
    return st.sampled_from(named).flatmap(
        lambda name: st.ip_addresses(network=name)  # one of any network, then one of its own
    )


def notations(address):
    number, (a, b, c, d) = int(address), address.packed
    yield from (
        f"{a}.{b}.{c}.{d}",
        f"{a}.{b}.{c}.{d}.",
        f"{number}",
        f"{number:#x}",
        f"0{number:o}",
    )
    yield from (f"{a}.{b}.{c << 8 | d}", f"{a}.{number & 0xFFFFFF}", f"{a:#x}.{b}.0{c:o}.{d:#X}")
    yield f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"
    yield f"{a}.{b}.{c}.{d}".translate({ord("0") + n: chr(0xFF10 + n) for n in range(10)})
    yield f"{a}。{b}．{c}｡{d}"
    for six in embedded(address):
        yield from (f"[{six}]", f"[{six.exploded}]")


def embedded(address):
    number = int(address)
    for prefix in ("::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2606:4700::5efe:0:0"):
        yield IPv6Address(int(IPv6Address(prefix)) | number)
    yield IPv6Address((0x2002 << 112) | (number << 80))
    yield IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))
    yield IPv6Address((0x20010000 << 96) | (number << 64))


@given(within(*PRIVATE))
def test_no_notation_of_a_private_address_is_let_through(address):
    for notation in notations(address):
        assert refusal_of_url(f"http://{notation}/") is not None, notation
    assert refusal(str(address), 80) is not None
    for six in embedded(address):
        assert refusal(str(six), 80) is not None


@given(within(*PRIVATE_6))
def test_no_notation_of_a_private_ipv6_address_is_let_through(address):
    for text in (str(address), address.exploded, str(address).upper()):
        assert refusal_of_url(f"http://[{text}]/") is not None
        assert refusal(text, 80) is not None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_as_python_does(address):
    # Newer Pythons know two addresses of 192.0.0.0/24 as global, and 192.88.99.0/24.
    if address not in IPv4Network("192.0.0.0/24") and address not in IPv4Network("192.88.99.0/24"):
        public = address.is_global and not address.is_multicast
        metadata = address == IPv4Address("168.63.129.16")
        assert (refusal(str(address), 80) is None) is (public and not metadata)


@given(st.ip_addresses(), st.integers(1, 65535))
def test_what_is_allowed_by_nothing_is_public(address, port):
    if refusal(str(address), port) is None:
        assert not is_private(str(address))


@given(
    st.text(max_size=60) | st.text("0123456789abcdefx.:[]%@/#-", max_size=40).map("http://".__add__)
)
def test_any_text_is_judged(text):
    reason = refusal_of_url(text)
    assert reason is None or reason.endswith(".")
