#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services over a veth, under runc (the native bound), ours, and a peer, interleaved in one run.

  compare.py --runsc build/release/runsc/runsc --rootfs DIR [--peer PATH] [--rounds 2] [--seconds 3] [row...]

DIR is a root file system with iperf3, redis-server and nginx (.ci/rootfs makes one). The client programs
(iperf3, redis-benchmark, wrk) run on this machine, in a network namespace of their own. $PEER_RUNSC is
the default of --peer. The better of the rounds counts; ratios are written so that above 1 is better.
Needs root. Everything made is removed, also on failure.
"""
import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

PID = os.getpid()
HOST, GUEST = "10.92.0.1", "10.92.0.2"
NGINX = """worker_processes 2; pid /tmp/nginx.pid; error_log /tmp/error.log; events { worker_connections 1024; }
http { access_log off; client_body_temp_path /tmp; proxy_temp_path /tmp; fastcgi_temp_path /tmp;
uwsgi_temp_path /tmp; scgi_temp_path /tmp; keepalive_requests 1000000;
server { listen 80 reuseport; root /share; } }
"""


def sh(*args, timeout=120, **kw):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", timeout=timeout, **kw)


class Side:
    def __init__(self, name, command):
        self.name, self.command, self.best = name, command, {}


class Bench:
    def __init__(self, args):
        self.args = args
        self.dir = tempfile.mkdtemp(prefix="netsentry-bench-")
        self.c, self.h = "nsb%dc" % PID, "nsb%dh" % PID
        self.n = 0

    def __enter__(self):
        for ns in (self.c, self.h):
            sh("ip", "netns", "add", ns, check=True)
            sh("ip", "-n", ns, "link", "set", "lo", "up", check=True)
        return self

    def __exit__(self, *_):
        for ns in (self.c, self.h):
            sh("ip", "netns", "del", ns)
        shutil.rmtree(self.dir, ignore_errors=True)

    def new_wire(self):
        """A fresh veth for each container: a runtime may have taken the addresses of the last one."""
        sh("ip", "-n", self.h, "link", "del", "eth0")
        sh("ip", "-n", self.c, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
           self.h, check=True)
        for ns, addr in ((self.c, GUEST), (self.h, HOST)):
            sh("ip", "-n", ns, "addr", "add", addr + "/24", "dev", "eth0", check=True)
            sh("ip", "-n", ns, "link", "set", "eth0", "up", check=True)
        sh("ip", "-n", self.c, "route", "add", "default", "via", HOST, check=True)

    def client(self, *args, timeout=120):
        return sh("ip", "netns", "exec", self.h, *args, timeout=timeout)

    def bundle(self, args):
        self.n += 1
        path = os.path.join(self.dir, "b%d" % self.n)
        share = os.path.join(path, "share")
        os.makedirs(share)
        sh(self.args.runsc, "spec", "--bundle", path, "--netns", "/run/netns/" + self.c, "--", *args,
           check=True)
        with open(os.path.join(path, "config.json")) as f:
            c = json.load(f)
        c["root"] = {"path": self.args.rootfs, "readonly": True}
        caps = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID",
                "CAP_SETUID"]
        for k in c["process"]["capabilities"]:
            c["process"]["capabilities"][k] = caps if k != "ambient" else []
        c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 16384, "soft": 16384}]
        c["mounts"] += [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
                        {"destination": "/mnt", "type": "bind", "source": share,
                         "options": ["rbind", "ro"]}]
        for m in c["mounts"]:
            if m["destination"] == "/mnt":
                m["destination"] = "/share" if os.path.isdir(self.args.rootfs + "/share") else "/mnt"
                self.share = m["destination"]
        with open(os.path.join(path, "config.json"), "w") as f:
            json.dump(c, f)
        with open(os.path.join(share, "nginx.conf"), "w") as f:
            f.write(NGINX.replace("/share", self.share))
        with open(os.path.join(share, "file"), "w") as f:
            f.write("x" * 1024)
        return path

    @contextlib.contextmanager
    def service(self, side, args, port):
        self.new_wire()
        path = self.bundle(args)
        if args[0] == "nginx":
            args[:] = [a.replace("/share", self.share) for a in args]
            with open(os.path.join(path, "config.json")) as f:
                c = json.load(f)
            c["process"]["args"] = args
            with open(os.path.join(path, "config.json"), "w") as f:
                json.dump(c, f)
        state = os.path.join(self.dir, "state-" + side.name)
        base = side.command + ["--root", state]
        name = "b%d-%d" % (PID, self.n)
        with open(os.path.join(path, "log"), "w") as log:
            p = subprocess.Popen(base + ["run", "--bundle", path, name], stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log)
        try:
            end = time.monotonic() + 20
            while self.client("bash", "-c", "exec 3<>/dev/tcp/%s/%d" % (GUEST, port)).returncode:
                if time.monotonic() > end or p.poll() is not None:
                    with open(os.path.join(path, "log")) as f:
                        raise RuntimeError("%s: %s does not answer: %s" % (side.name, args[0],
                                                                          f.read()[-500:]))
                time.sleep(0.05)
            yield name
        finally:
            sh(*base, "kill", name, "KILL")
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(10)
            sh(*base, "delete", "--force", name)
            if p.poll() is None:
                p.kill()
                p.wait()

    # --- rows: each yields (name, value), more is better unless the name ends in "ms" or "MiB" ------

    def iperf(self, side):
        with self.service(side, ["iperf3", "-s"], 5201):
            for name, extra in (("iperf3 into the sandbox, Gbit/s", []),
                                ("iperf3 out of the sandbox, Gbit/s", ["-R"])):
                p = self.client("iperf3", "-c", GUEST, "-J", "-t", str(self.args.seconds), *extra)
                j = json.loads(p.stdout)
                yield name, j["end"]["sum_received"]["bits_per_second"] / 1e9

    def redis(self, side):
        args = ["redis-server", "--save", "", "--protected-mode", "no", "--daemonize", "no"]
        with self.service(side, args, 6379):
            for name, extra in (("redis SET, 50 clients, req/s", ["-t", "set", "-n", "60000"]),
                                ("redis GET, 50 clients, req/s", ["-t", "get", "-n", "60000"]),
                                ("redis GET, pipelined by 16, req/s",
                                 ["-t", "get", "-n", "400000", "-P", "16"]),
                                ("redis GET, one client, req/s",
                                 ["-t", "get", "-n", "10000", "-c", "1"])):
                p = self.client("redis-benchmark", "-h", GUEST, "--csv", *extra)
                rates = re.findall(r'^"[SG]ET","([\d.]+)"', p.stdout, re.M)
                yield name, float(rates[-1])

    def nginx(self, side):
        args = ["nginx", "-c", "/share/nginx.conf", "-g", "daemon off;"]
        with self.service(side, args, 80):
            for name, extra in (("nginx, 32 connections, req/s", []),
                                ("nginx, Connection: close, req/s", ["-H", "Connection: close"])):
                p = self.client("wrk", "-t", "2", "-c", "32", "-d", "%ds" % self.args.seconds, *extra,
                                "http://%s/file" % GUEST)
                yield name, float(re.search(r"Requests/sec:\s+([\d.]+)", p.stdout).group(1))

    def start(self, side):
        base = side.command + ["--root", os.path.join(self.dir, "state-" + side.name)]
        best = None
        for i in range(5):
            self.new_wire()
            path = self.bundle(["/bin/true"])
            t = time.monotonic()
            p = sh(*base, "run", "--bundle", path, "s%d-%d" % (PID, self.n))
            took = (time.monotonic() - t) * 1000
            if p.returncode:
                raise RuntimeError("%s: %s" % (side.name, p.stderr[-300:]))
            best = took if best is None else min(best, took)
        yield "start to end of /bin/true, ms", best

    def idle(self, side):
        if side.name == "native":
            return
        with self.service(side, ["iperf3", "-s"], 5201) as name:
            time.sleep(1)
            total = 0
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError):
                    with open("/proc/%s/cmdline" % pid, "rb") as f:
                        if name.encode() not in f.read():
                            continue
                    with open("/proc/%s/cgroup" % pid) as f:
                        if name not in f.read():
                            continue
                    with open("/proc/%s/smaps_rollup" % pid) as f:
                        total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
            yield "idle sandbox, MiB", total / 1024


def lower_is_better(name):
    return name.endswith((" ms", " MiB"))


def report(sides):
    names = []
    for side in sides:
        names += [n for n in side.best if n not in names]
    head = ["work"] + [s.name for s in sides] + ["ours/native"] + (["ours/peer"] if len(sides) > 2 else [])
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    by = {s.name: s.best for s in sides}
    for n in names:
        cells = [n] + ["%.4g" % s.best[n] if n in s.best else "-" for s in sides]
        for other in ["native"] + (["peer"] if "peer" in by else []):
            a, b = by["ours"].get(n), by[other].get(n)
            ratio = (b / a if lower_is_better(n) else a / b) if a and b else None
            cells.append("%.2f" % ratio if ratio else "-")
        print("| " + " | ".join(cells) + " |")


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--runsc", required=True)
    ap.add_argument("--rootfs", required=True)
    ap.add_argument("--runc", default=shutil.which("runc"))
    ap.add_argument("--peer", default=os.environ.get("PEER_RUNSC"))
    ap.add_argument("--peer-args", default="--platform=systrap --overlay2=none --ignore-cgroups")
    ap.add_argument("--rounds", type=int, default=2)
    ap.add_argument("--seconds", type=int, default=3)
    ap.add_argument("rows", nargs="*", help="iperf redis nginx start idle")
    args = ap.parse_args()
    args.runsc = os.path.abspath(args.runsc)
    args.rootfs = os.path.abspath(args.rootfs)

    sides = [Side("native", [args.runc])] if args.runc else []
    sides.append(Side("ours", [args.runsc]))
    if args.peer:
        sides.append(Side("peer", [args.peer] + args.peer_args.split()))
    failed = False
    with Bench(args) as bench:
        for _ in range(args.rounds):
            for row in args.rows or ["iperf", "redis", "nginx", "start", "idle"]:
                for side in sides:
                    try:
                        for name, value in getattr(bench, row)(side):
                            pick = min if lower_is_better(name) else max
                            side.best[name] = pick(value, side.best.get(name, value))
                    except (RuntimeError, OSError, ValueError, KeyError, IndexError, AttributeError,
                            subprocess.SubprocessError) as e:
                        print("%s, %s: %s" % (row, side.name, e), file=sys.stderr)
                        failed = True
    report(sides)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
