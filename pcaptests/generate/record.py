#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records the captures of real programs: two Linux hosts in namespaces of their own, joined by a veth.

    record.py [NAME...]     as root; writes cases/real_NAME/in.pcap

Each scenario runs a server in one namespace and a client in the other, with tcpdump on the server's
end. Offloads are off, so that the captures hold what a wire would.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(HERE, "..", "cases")
A, B = f"nsrec-a-{os.getpid()}", f"nsrec-b-{os.getpid()}"
CLIENT4, SERVER4 = "10.77.0.1", "10.77.0.2"
CLIENT6, SERVER6 = "fd77::1", "fd77::2"


def run(*cmd, check=True, **kw):
    return subprocess.run(cmd, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, **kw)


def inside(ns, *cmd):
    return ("ip", "netns", "exec", ns) + cmd


class Net:
    """The two namespaces. Used with `with`: they are gone afterwards, whatever happened."""

    def __init__(self):
        self.children = []

    def __enter__(self):
        for ns in (A, B):
            run("ip", "netns", "add", ns)
        run("ip", "link", "add", "va", "netns", A, "type", "veth", "peer", "name", "vb", "netns", B)
        for ns, dev, v4, v6, mac in ((A, "va", CLIENT4, CLIENT6, "02:00:00:00:00:0a"),
                                     (B, "vb", SERVER4, SERVER6, "02:00:00:00:00:0b")):
            ip = ("ip", "-n", ns)
            run(*ip, "link", "set", dev, "address", mac)
            run(*inside(ns, "sysctl", "-qw", f"net.ipv6.conf.{dev}.accept_dad=0"))
            run(*ip, "addr", "add", f"{v4}/24", "dev", dev)
            run(*ip, "addr", "add", f"{v6}/64", "dev", dev, "nodad")
            run(*ip, "link", "set", "lo", "up")
            run(*ip, "link", "set", dev, "up")
            run(*inside(ns, "ethtool", "-K", dev, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off"))
        time.sleep(1.5)  # link-local addresses and the reports that go with them
        return self

    def spawn(self, ns, *cmd, **kw):
        child = subprocess.Popen(inside(ns, *cmd), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)
        self.children.append(child)
        return child

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for ns in (A, B):
            run("ip", "netns", "del", ns, check=False)

    def wait_port(self, ns, port):
        for _ in range(100):
            out = subprocess.run(inside(ns, "ss", "-Hltn", f"sport = :{port}"), capture_output=True, check=True).stdout
            if out.strip():
                return
            time.sleep(0.05)
        raise RuntimeError(f"nobody listens at port {port}")


def http(net, work, size, *curl_args):
    with open(os.path.join(work, "file"), "wb") as f:
        f.write(bytes((i * 7 + i // 251) % 256 for i in range(size)))
    net.spawn(B, sys.executable, "-m", "http.server", "80", "--bind", "::", cwd=work)
    net.wait_port(B, 80)
    yield
    run(*inside(A, "curl", "-s", "--noproxy", "*", "--max-time", "20", "-o", "/dev/null", *curl_args))


def curl(net, work):
    yield from http(net, work, 20000, f"http://{SERVER4}/file")


def curl_ipv6(net, work):
    yield from http(net, work, 20000, f"http://[{SERVER6}]/file")


def curl_reused(net, work):
    yield from http(net, work, 3000, f"http://{SERVER4}/file", "-o", "/dev/null", f"http://{SERVER4}/missing")


def redis(net, work):
    net.spawn(B, "redis-server", "--port", "6379", "--bind", SERVER4, "--save", "", "--protected-mode", "no", cwd=work)
    net.wait_port(B, 6379)
    yield
    run(*inside(A, "redis-cli", "-h", SERVER4, "SET", "key", "value"))
    run(*inside(A, "redis-cli", "-h", SERVER4, "GET", "key"))
    run(*inside(A, "redis-cli", "-h", SERVER4, "-r", "20", "INCR", "counter"))


def redis_pipeline(net, work):
    net.spawn(B, "redis-server", "--port", "6379", "--bind", SERVER4, "--save", "", "--protected-mode", "no", cwd=work)
    net.wait_port(B, 6379)
    yield
    run(*inside(A, "redis-benchmark", "-h", SERVER4, "-c", "1", "-n", "200", "-P", "50", "-t", "set", "-q"))


def tls(net, work):
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{work}/key", "-out", f"{work}/cert",
        "-days", "30", "-subj", "/CN=server")
    net.spawn(B, "openssl", "s_server", "-accept", "443", "-key", f"{work}/key", "-cert", f"{work}/cert", "-www")
    net.wait_port(B, 443)
    yield
    run(*inside(A, "curl", "-sk", "--noproxy", "*", "--max-time", "10", "-o", "/dev/null", f"https://{SERVER4}/"))


def ssh(net, work):
    for key in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{work}/{key}")
    shutil.copy(f"{work}/user.pub", f"{work}/authorized")
    os.makedirs("/run/sshd", exist_ok=True)
    net.spawn(B, "/usr/sbin/sshd", "-D", "-p", "22", "-h", f"{work}/host", "-o", f"AuthorizedKeysFile={work}/authorized",
              "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none", "-f", "/dev/null")
    net.wait_port(B, 22)
    yield
    run(*inside(A, "ssh", "-i", f"{work}/user", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                SERVER4, "echo hello; head -c 5000 /dev/zero"))


DNS_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("%s", 53))
while True:
    q, peer = s.recvfrom(2048)
    end = q.index(0, 12) + 5
    a = q[end - 4:end - 2] == bytes((0, 1))
    answer = bytes((0xc0, 12)) + q[end - 4:end] + bytes((0, 0, 0, 60, 0, 4, 192, 0, 2, 1)) if a else b""
    s.sendto(q[:2] + b"\\x85\\x80" + q[4:6] + (b"\\0\\1" if a else b"\\0\\0") + bytes(4) + q[12:end] + answer, peer)
"""


def dns(net, _work):
    net.spawn(B, sys.executable, "-c", DNS_SERVER % SERVER4)
    time.sleep(0.5)
    yield
    query = f"""
import socket
for name in ("www.example.org", "mail.example.org", "example.org"):
    for kind in (1, 28):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(2)
        q = bytes((0x12, kind, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        q += b"".join(bytes((len(p),)) + p.encode() for p in name.split(".")) + bytes((0, 0, kind, 0, 1))
        s.sendto(q, ("{SERVER4}", 53))
        s.recv(2048)
"""
    run(*inside(A, sys.executable, "-c", query))


def dns_closed(_net, _work):
    yield
    run(*inside(A, sys.executable, "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("{SERVER4}", 53))
s.send(b"anyone?")
s.settimeout(1)
try:
    s.recv(10)
except OSError:
    pass
"""))


def ping(_net, _work):
    yield
    run(*inside(A, "ping", "-c", "3", "-i", "0.2", "-s", "56", SERVER4))


def ping_large(_net, _work):
    yield
    run(*inside(A, "ping", "-c", "2", "-i", "0.2", "-s", "4000", SERVER4))


def ping6(_net, _work):
    yield
    run(*inside(A, "ping", "-c", "3", "-i", "0.2", SERVER6))


def ping6_large(_net, _work):
    yield
    run(*inside(A, "ping", "-c", "2", "-i", "0.2", "-s", "4000", SERVER6))


def refused(_net, _work):
    yield
    run(*inside(A, "curl", "-s", "--noproxy", "*", "--max-time", "5", f"http://{SERVER4}:81/"), check=False)


UPLOAD = """
import socket
s = socket.create_connection(("%s", 9000))
s.sendall(bytes(i %% 256 for i in range(%d)))
s.shutdown(socket.SHUT_WR)
while s.recv(65536):
    pass
"""
SINK = """
import socket
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("", 9000))
l.listen()
while True:
    s, _ = l.accept()
    while s.recv(65536):
        pass
    s.sendall(b"done")
    s.close()
"""


def upload(net, _work):
    net.spawn(B, sys.executable, "-c", SINK)
    net.wait_port(B, 9000)
    yield
    run(*inside(A, sys.executable, "-c", UPLOAD % (SERVER4, 40000)))


def netcat(net, _work):
    net.spawn(B, "nc", "-l", "7000")
    net.wait_port(B, 7000)
    yield
    run(*inside(A, "nc", "-N", SERVER4, "7000"), input=b"one line\n")


SCENARIOS = {f.__name__: f for f in (curl, curl_ipv6, curl_reused, redis, redis_pipeline, tls, ssh, dns,
                                     dns_closed, ping, ping_large, ping6, ping6_large, refused, upload,
                                     netcat)}
# Who is played: the address in the capture.
CLIENT_PLAYED = {"curl", "curl_ipv6", "tls"}


def record(name, scenario):
    case = os.path.join(CASES, f"real_{name}")
    os.makedirs(case, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, Net() as net:
        steps = scenario(net, work)
        next(steps)
        pcap = os.path.join(work, "in.pcap")
        dump = net.spawn(B, "tcpdump", "-i", "vb", "-U", "--immediate-mode", "--time-stamp-precision=nano", "-w", pcap)
        time.sleep(1)
        next(steps, None)
        time.sleep(0.7)
        dump.terminate()
        dump.wait()
        shutil.copy(pcap, os.path.join(case, "in.pcap"))
    path = os.path.join(case, "case")
    if not os.path.exists(path):
        six = "6" in name
        played = (CLIENT6 if six else CLIENT4) if name in CLIENT_PLAYED else (SERVER6 if six else SERVER4)
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"# SPDX-License-Identifier: Apache-2.0\n# Recorded from Linux by generate/record.py.\nplay {played}\n"
                    "mask tcp.win\nignore mld\n")


def main():
    for name in sys.argv[1:] or SCENARIOS:
        print(name, flush=True)
        record(name, SCENARIOS[name])


if __name__ == "__main__":
    main()
