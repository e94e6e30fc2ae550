#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line against a stand-in for the sentry (fake_sentry.c): cli.py RUNSC [test...].

Every test gets a state directory and a bundle of its own below a temporary directory. Needs root for
namespaces; without it the tests that make containers are skipped.
"""
import array
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

RUNSC = os.path.abspath(sys.argv.pop(1))
ROOT = os.geteuid() == 0


def needs_root(test):
    return unittest.skipUnless(ROOT, "needs root")(test)


def read(path):
    with open(path) as f:
        return f.read()


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="runsc-cli-")
        self.state = os.path.join(self.dir, "state")
        self.bundle = os.path.join(self.dir, "bundle")
        bin_dir = os.path.join(self.bundle, "rootfs", "bin")
        os.makedirs(bin_dir)
        for name in ("echo", "exit", "sleep", "links", "env", "fail"):
            shutil.copy("/bin/true", os.path.join(bin_dir, name))
        shutil.copy("/bin/true", os.path.join(self.bundle, "rootfs", "fail"))
        os.makedirs(os.path.join(self.bundle, "rootfs", "etc"))
        with open(os.path.join(self.bundle, "rootfs", "etc", "passwd"), "w") as f:
            f.write("root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n")

    def tearDown(self):
        if ROOT and os.path.isdir(self.state):
            for name in os.listdir(self.state):
                self.run_cmd("delete", "--force", name)
        shutil.rmtree(self.dir)

    def run_cmd(self, *args, flags=(), stdin=subprocess.DEVNULL, env=None, timeout=60, **kw):
        # Files, not pipes: a container keeps the stdio of its create.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            p = subprocess.run([RUNSC, "--root", self.state, *flags, *args], stdin=stdin, env=env,
                               stdout=out, stderr=err, timeout=timeout, **kw)
            out.seek(0)
            err.seek(0)
            p.stdout, p.stderr = out.read(), err.read()
        return p

    def ok(self, *args, **kw):
        p = self.run_cmd(*args, **kw)
        self.assertEqual(p.returncode, 0, p.stderr)
        return p.stdout

    def fails(self, message, *args, code=1, **kw):
        p = self.run_cmd(*args, **kw)
        self.assertEqual((p.returncode, p.stderr.strip().splitlines()[-1:]),
                         (code, ["runsc: " + message]))
        return p

    def config(self, args=("/bin/sleep",), change=None):
        path = os.path.join(self.bundle, "config.json")
        if os.path.exists(path):
            os.unlink(path)
        self.ok("spec", "--bundle", self.bundle, "--", *args)
        if change:
            with open(path) as f:
                c = json.load(f)
            change(c)
            with open(path, "w") as f:
                json.dump(c, f)

    def status(self, name):
        return json.loads(self.ok("state", name))["status"]

    def await_status(self, name, want):
        for _ in range(300):
            if self.status(name) == want:
                return
            time.sleep(0.01)
        self.assertEqual(self.status(name), want)


class Words(Case):
    def test_version_is_as_clients_parse_it(self):
        lines = self.ok("--version").splitlines()
        self.assertRegex(lines[0], r"^runsc version \S+$")
        self.assertRegex(lines[1], r"^spec: \d+\.\d+\.\d+")

    def test_help_names_every_command(self):
        text = self.ok("--help")
        for cmd in ("create", "start", "state", "kill", "delete", "exec", "capture", "do"):
            self.assertIn("\n   %s " % cmd, text)
            self.assertIn("USAGE:", self.ok(cmd, "--help"))

    def test_wrong_words_are_named(self):
        self.fails('unknown command "bogus"', "bogus")
        self.fails("flag provided but not defined: -bogus", "--bogus")
        self.fails('"state" requires exactly 1 argument(s)', "state")
        self.fails('"delete" requires at least 1 argument(s)', "delete")
        self.fails('--network: "moon" is not one of sandbox, tap, none', "list",
                   flags=["--network=moon"])
        self.fails('--log-format: unknown format "xml"', "list", flags=["--log-format", "xml"])
        self.fails('unknown signal "FOO"', "kill", "x", "FOO")

    def test_missing_container(self):
        for cmd in ("state", "start", "kill", "delete", "ps", "pause", "resume"):
            self.fails("container does not exist", cmd, "nope")
        self.fails("container does not exist", "exec", "nope", "true")
        self.ok("delete", "--force", "nope")
        self.ok("delete", "-f", "nope")

    def test_ids(self):
        self.config()
        for bad in ("a/b", "..", "a b", "", "\u00e4"):
            self.fails("invalid container ID format", "create", "--bundle", self.bundle, bad)

    def test_json_log_is_one_object_per_line(self):
        log = os.path.join(self.dir, "log.json")
        self.run_cmd("state", "nope", flags=["--log", log, "--log-format", "json"])
        self.run_cmd("state", flags=["--log=" + log, "--log-format=json"])
        with open(log) as f:
            lines = [json.loads(line) for line in f]
        self.assertEqual(lines[0]["level"], "error")
        self.assertEqual(lines[0]["msg"], "container does not exist")
        self.assertRegex(lines[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(len(lines), 2)

    def test_works_with_an_empty_environment(self):
        self.assertEqual(self.ok("list", "-q", env={"XDG_RUNTIME_DIR": ""}), "")

    def test_features(self):
        f = json.loads(self.ok("features"))
        self.assertEqual(len(f["hooks"]), 6)
        self.assertIn("CAP_CHOWN", f["linux"]["capabilities"])
        self.assertIn("rbind", f["mountOptions"])

    def test_spec(self):
        self.config(args=("/bin/echo", "a", "b"))
        with open(os.path.join(self.bundle, "config.json")) as f:
            c = json.load(f)
        self.assertEqual(c["process"]["args"], ["/bin/echo", "a", "b"])
        p = self.run_cmd("spec", "-b", self.bundle)
        self.assertEqual(p.returncode, 1)
        self.assertIn("exists. Remove it first", p.stderr)

    def test_spec_rootless(self):
        self.ok("spec", "--rootless", "-b", self.dir)
        with open(os.path.join(self.dir, "config.json")) as f:
            c = json.load(f)
        types = [n["type"] for n in c["linux"]["namespaces"]]
        self.assertIn("user", types)
        self.assertNotIn("network", types)

    def test_errors_of_the_bundle(self):
        self.fails("--bundle: /nonexistent: No such file or directory", "create", "-b",
                   "/nonexistent", "x")
        self.fails(self.bundle + "/config.json: No such file or directory", "create", "-b",
                   self.bundle, "x")

    def test_list_is_empty(self):
        self.assertEqual(self.ok("list", "--format", "json").strip(), "null")
        self.assertEqual(self.ok("list").split(), ["ID", "PID", "STATUS", "BUNDLE", "CREATED",
                                                   "OWNER"])
        self.fails('invalid format option "xml"', "list", "-f", "xml")


@needs_root
class Life(Case):
    def create(self, name="c1", *more, **kw):
        self.ok("create", "--bundle", self.bundle, *more, name, **kw)

    def test_created_running_stopped(self):
        self.config()
        pid_file = os.path.join(self.dir, "pid")
        self.create("c1", "--pid-file", pid_file)
        s = json.loads(self.ok("state", "c1"))
        self.assertEqual(s["status"], "created")
        self.assertEqual(s["pid"], int(read(pid_file)))
        self.assertEqual(list(s)[:8], ["ociVersion", "id", "pid", "status", "bundle", "rootfs",
                                       "created", "owner"])
        self.ok("start", "c1")
        self.assertEqual(self.status("c1"), "running")
        self.fails("cannot start an already running container", "start", "c1")
        self.fails("cannot delete container c1 that is not stopped: running", "delete", "c1")
        self.ok("kill", "c1", "15")
        self.await_status("c1", "stopped")
        s = json.loads(self.ok("state", "c1"))
        self.assertEqual(s["pid"], 0)
        self.fails("container not running", "kill", "c1")
        self.ok("kill", "--all", "c1", "9")
        self.fails("cannot start a container that has stopped", "start", "c1")
        self.ok("delete", "c1")
        self.assertEqual(os.listdir(self.state), [])

    def test_taken_id(self):
        self.config()
        self.create()
        self.fails("container with given ID already exists", "create", "-b", self.bundle, "c1")
        self.assertEqual(self.status("c1"), "created")

    def test_created_can_be_killed_and_deleted(self):
        self.config()
        self.create("c1")
        self.ok("kill", "c1", "KILL")
        self.await_status("c1", "stopped")
        self.ok("delete", "c1")
        self.create("c2")
        self.ok("delete", "c2")

    def test_pause_and_resume(self):
        self.config()
        self.create()
        self.fails("container not running: it is created", "pause", "c1")
        self.ok("start", "c1")
        self.ok("pause", "c1")
        self.assertEqual(self.status("c1"), "paused")
        self.fails("cannot exec in a paused container", "exec", "c1", "/bin/echo")
        self.ok("resume", "c1")
        self.assertEqual(self.status("c1"), "running")

    def test_run_passes_output_and_status_through(self):
        self.config(args=("/bin/echo", "hello", "world"))
        self.assertEqual(self.ok("run", "-b", self.bundle, "r1"), "hello world\n")
        self.config(args=("/bin/exit", "42"))
        self.assertEqual(self.run_cmd("run", "-b", self.bundle, "r1").returncode, 42)
        self.assertEqual(os.listdir(self.state), [])

    def test_run_keep(self):
        self.config(args=("/bin/exit", "3"))
        self.run_cmd("run", "--keep", "-b", self.bundle, "r1")
        self.assertEqual(self.status("r1"), "stopped")

    def test_run_passes_signals_on(self):
        self.config()
        p = subprocess.Popen([RUNSC, "--root", self.state, "run", "-b", self.bundle, "r1"],
                             stdin=subprocess.DEVNULL)
        for _ in range(300):
            if self.run_cmd("state", "r1").returncode == 0 and self.status("r1") == "running":
                break
            time.sleep(0.01)
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(20), 128 + 15)

    def test_killed_run_takes_the_sandbox_with_it(self):
        self.config()
        p = subprocess.Popen([RUNSC, "--root", self.state, "run", "-b", self.bundle, "r1"],
                             stdin=subprocess.DEVNULL)
        for _ in range(300):
            if self.run_cmd("state", "r1").returncode == 0 and self.status("r1") == "running":
                break
            time.sleep(0.01)
        p.kill()
        p.wait()
        self.await_status("r1", "stopped")
        self.ok("delete", "r1")

    def test_killed_sandbox_is_stopped_and_deletable(self):
        self.config()
        self.create()
        self.ok("start", "c1")
        os.kill(json.loads(self.ok("state", "c1"))["pid"], signal.SIGKILL)
        self.await_status("c1", "stopped")
        self.ok("delete", "c1")
        self.assertEqual(os.listdir(self.state), [])

    def test_preserved_descriptors(self):
        self.config()
        self.fails("--preserve-fds: descriptor 3 is not open", "create", "-b", self.bundle,
                   "--preserve-fds", "1", "c1")
        self.fails('--preserve-fds: "x" is not a number of descriptors', "create", "-b", self.bundle,
                   "--preserve-fds", "x", "c1")

    def test_failure_leaves_nothing(self):
        self.config(args=("/fail",))
        self.fails('exec: "/fail": not a program', "create", "-b", self.bundle, "c1")
        self.assertEqual(os.listdir(self.state), [])

    def test_program_is_looked_up_at_create(self):
        self.config(args=("nosuch",))
        self.fails('exec: "nosuch": executable file not found in $PATH', "create", "-b", self.bundle,
                   "c1")
        self.config(args=("/nosuch",))
        self.fails('exec: "/nosuch": stat /nosuch: no such file or directory', "create", "-b",
                   self.bundle, "c1")
        self.config(args=("/etc/passwd",))
        self.fails('exec: "/etc/passwd": permission denied', "create", "-b", self.bundle, "c1")

    def test_mount_source_is_named(self):
        def add(c):
            c["mounts"].append({"destination": "/x", "type": "bind", "source": "/nonexistent",
                                "options": ["bind"]})
        self.config(change=add)
        self.fails("config.json: /mounts/7/source: /nonexistent: No such file or directory",
                   "create", "-b", self.bundle, "c1")

    def test_mount_points_are_made_in_a_read_only_root(self):
        def add(c):
            c["mounts"] += [{"destination": d, "type": "bind", "source": src, "options": ["bind"]}
                            for d, src in (("/a/b", self.dir), ("/etc/x", "/etc/hostname"),
                                           ("/a/b/c", self.dir))]
        self.config(change=add)
        self.create()
        root = os.path.join(self.bundle, "rootfs")
        self.assertTrue(os.path.isdir(os.path.join(root, "a/b")))
        self.assertTrue(os.path.isfile(os.path.join(root, "etc/x")))
        self.assertTrue(os.path.isdir(os.path.join(root, "proc")))
        self.assertFalse(os.path.exists(os.path.join(root, "a/b/c")))

    def test_root_is_named(self):
        self.config(change=lambda c: c["root"].update(path="nowhere"))
        self.fails("config.json: /root/path: %s/nowhere: No such file or directory" % self.bundle,
                   "create", "-b", self.bundle, "c1")

    def test_host_network_is_not_taken_over(self):
        def drop(c):
            c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"]
                                        if n["type"] != "network"]
        self.config(change=drop)
        p = self.run_cmd("create", "-b", self.bundle, "c1")
        self.assertEqual(p.returncode, 0)
        self.assertIn("the host's own interfaces are not taken over", p.stderr)
        self.ok("delete", "c1")
        self.config(change=lambda c: c["linux"]["namespaces"].append(
            c["linux"]["namespaces"].pop(1) | {"path": "/proc/self/ns/net"}))
        p = self.run_cmd("create", "-b", self.bundle, "c1")
        self.assertIn("is the host's own network namespace", p.stderr)

    def test_list(self):
        self.config()
        self.create("b")
        self.create("a")
        self.assertEqual(self.ok("list", "-q"), "a\nb\n")
        rows = json.loads(self.ok("list", "-f", "json"))
        self.assertEqual([r["status"] for r in rows], ["created", "created"])

    def test_annotations_are_in_the_state(self):
        self.config(change=lambda c: c.update(annotations={"k": "v"}))
        self.create()
        self.assertEqual(json.loads(self.ok("state", "c1"))["annotations"], {"k": "v"})

    def test_the_caller_s_pipe_is_not_held(self):
        self.config()
        p = subprocess.run([RUNSC, "--root", self.state, "create", "-b", self.bundle, "c1"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        self.assertEqual(p.returncode, 0)
        # run() ends only when nobody holds the pipe.
        p = subprocess.run([RUNSC, "--root", self.state, "start", "c1"], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=10)
        self.assertEqual((p.returncode, p.stdout), (0, b""))

    def test_terminal_goes_over_the_console_socket(self):
        self.config(change=lambda c: c["process"].update(terminal=True))
        path = os.path.join(self.dir, "console.sock")
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.bind(path)
        s.listen()
        self.fails("config.json: /process/terminal: needs --console-socket", "create", "-b",
                   self.bundle, "c1")
        self.create("c1", "--console-socket", path)
        conn, _ = s.accept()
        self.addCleanup(conn.close)
        fds = array.array("i")
        _, anc, _, _ = conn.recvmsg(64, socket.CMSG_LEN(fds.itemsize))
        fds.frombytes(anc[0][2])
        self.assertTrue(os.isatty(fds[0]))
        os.close(fds[0])
        self.config()
        self.fails("--console-socket: config.json asks for no terminal", "create", "-b",
                   self.bundle, "--console-socket", path, "c2")

    def test_hooks_run_in_order_with_the_state(self):
        log = os.path.join(self.dir, "hooks")
        script = os.path.join(self.dir, "hook")
        with open(script, "w") as f:
            f.write("#!/bin/sh\necho $1 $(tr -d '\\n' | sed 's/.*\"status\": *\"\\([a-z]*\\)\".*/\\1/')"
                    " $X >>%s\n" % log)
        os.chmod(script, 0o755)

        def add(c):
            c["hooks"] = {k: [{"path": script, "args": ["hook", k],
                               "env": ["X=1", "PATH=/usr/bin:/bin"]}]
                          for k in ("poststop", "poststart", "prestart", "createRuntime",
                                    "createContainer")}
        self.config(change=add)
        self.create()
        self.ok("start", "c1")
        self.ok("delete", "-f", "c1")
        with open(log) as f:
            self.assertEqual(f.read().splitlines(), [
                "prestart created 1", "createRuntime created 1", "createContainer creating 1",
                "poststart running 1", "poststop stopped 1"])

    def test_failing_and_slow_hooks_are_named(self):
        def fail(c):
            c["hooks"] = {"prestart": [{"path": "/bin/sh",
                                        "args": ["sh", "-c", "echo no luck >&2; exit 3"]}]}
        self.config(change=fail)
        self.fails("prestart hook #0 (/bin/sh): exit status 3: no luck", "create", "-b", self.bundle,
                   "c1")
        self.config(change=lambda c: c.update(hooks={"createRuntime": [
            {"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]}))
        self.fails("createRuntime hook #0 (/bin/sleep): did not end within 1 s", "create", "-b",
                   self.bundle, "c1")
        self.config(change=lambda c: c.update(hooks={"prestart": [{"path": "/nonexistent"}]}))
        self.fails("prestart hook #0 (/nonexistent): No such file or directory", "create", "-b",
                   self.bundle, "c1")
        self.assertEqual(os.listdir(self.state), [])


@needs_root
class Exec(Case):
    def setUp(self):
        super().setUp()
        self.config()
        self.ok("run", "-d", "--bundle", self.bundle, "c1")

    def test_output_and_status(self):
        self.assertEqual(self.ok("exec", "c1", "/bin/echo", "a", "-x"), "a -x\n")
        self.assertEqual(self.run_cmd("exec", "c1", "/bin/exit", "9").returncode, 9)

    def test_environment(self):
        self.assertEqual(self.ok("exec", "-e", "A=1", "c1", "/bin/env", "A"), "A=1\n")
        self.assertEqual(self.ok("exec", "c1", "/bin/env", "HOME"), "HOME=/root\n")
        self.assertEqual(self.ok("exec", "--user", "web", "c1", "/bin/env", "HOME"), "HOME=/srv\n")
        self.fails("--user: unable to find user nobodyhere", "exec", "-u", "nobodyhere", "c1", "x")

    def test_process_file(self):
        path = os.path.join(self.dir, "p.json")
        with open(path, "w") as f:
            json.dump({"args": ["/bin/echo", "x"], "cwd": "/", "env": ["A=2"],
                       "user": {"uid": 0, "gid": 0}}, f)
        self.assertEqual(self.ok("exec", "--process", path, "c1"), "x\n")
        with open(path, "w") as f:
            json.dump({"args": [], "cwd": "/"}, f)
        self.fails("process.json: /args: must name a program to run", "exec", "-p", path, "c1")

    def test_detached_one_is_stood_for_by_a_process_of_ours(self):
        pid_file = os.path.join(self.dir, "exec.pid")
        self.ok("exec", "--detach", "--pid-file", pid_file, "c1", "/bin/sleep")
        pid = int(read(pid_file))
        os.kill(pid, 0)
        self.ok("kill", "--pid", "2", "c1", "TERM")
        for _ in range(300):
            try:
                with open("/proc/%d/stat" % pid) as f:
                    if f.read().rsplit(")")[1].split()[0] == "Z":
                        break
            except FileNotFoundError:
                break
            time.sleep(0.01)
        else:
            self.fail("the stand-in did not end")

    def test_ps_and_stats_and_wait(self):
        rows = self.ok("ps", "c1").splitlines()
        self.assertEqual(rows[0].split(), ["UID", "PID", "PPID", "STAT", "TIME", "CMD"])
        self.assertEqual(rows[2].split()[-3:], ["echo", "a", "b"])
        self.assertIn(json.loads(self.ok("state", "c1"))["pid"],
                      json.loads(self.ok("ps", "-f", "json", "c1")))
        stats = json.loads(self.ok("events", "--stats", "c1"))
        self.assertEqual(stats["data"]["sandbox"]["tcp.segs_in"], 42)
        p = subprocess.Popen([RUNSC, "--root", self.state, "wait", "c1"], stdout=subprocess.PIPE,
                             text=True)
        time.sleep(0.1)
        self.ok("kill", "c1", "TERM")
        self.assertEqual(json.loads(p.communicate()[0]), {"id": "c1", "exitStatus": 143})

    def test_capture(self):
        out = os.path.join(self.dir, "x.pcapng")
        p = subprocess.Popen([RUNSC, "--root", self.state, "capture", "c1", "-w", out, "tcp", "port",
                              "80"])
        for _ in range(300):
            if os.path.exists(out) and os.path.getsize(out) >= 28:
                break
            time.sleep(0.01)
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(10), 0)
        with open(out, "rb") as f:
            self.assertEqual(f.read(4), b"\n\r\r\n")
        p = self.run_cmd("capture", "c1", "-w", out, "no", "filter")
        self.assertEqual(p.returncode, 1)
        self.assertIn('runsc: filter "no filter": ', p.stderr)


@needs_root
class Net(Case):
    maxDiff = None

    def ip(self, *args):
        return subprocess.run(["ip", *args], check=True, stdout=subprocess.PIPE, text=True).stdout

    def setUp(self):
        super().setUp()
        self.ns = "runsctest%d" % os.getpid()
        self.host = "rt%d" % (os.getpid() % 1000000)
        self.made = False

    def tearDown(self):
        super().tearDown()
        if self.made:
            subprocess.run(["ip", "netns", "del", self.ns])
            subprocess.run(["ip", "link", "del", self.host], stderr=subprocess.DEVNULL)

    def make(self):
        try:
            self.ip("netns", "add", self.ns)
        except subprocess.CalledProcessError:
            self.skipTest("no network namespaces")
        self.made = True
        self.ip("link", "add", self.host, "type", "veth", "peer", "name", "eth0", "netns", self.ns)
        for args in ("addr add 10.213.7.2/24 dev eth0", "addr add fd77::2/64 dev eth0 nodad",
                     "link set eth0 mtu 1400 up", "route add default via 10.213.7.1",
                     "route add 10.214.0.0/16 dev eth0", "-6 route add default via fd77::1"):
            self.ip("-n", self.ns, *args.split())
        self.ip("link", "set", self.host, "up")

    def test_interfaces_are_adopted_and_given_back(self):
        self.make()
        before = [self.ip("-n", self.ns, "route"), self.ip("-n", self.ns, "-6", "route")]
        self.ok("spec", "-b", self.bundle, "--netns", "/run/netns/" + self.ns, "--", "/bin/links")
        p = self.run_cmd("create", "-b", self.bundle, "c1")
        self.assertEqual(p.returncode, 0, p.stderr)
        addrs = self.ip("-n", self.ns, "addr", "show", "eth0")
        self.assertNotIn("inet", addrs)
        self.ok("delete", "c1")
        self.assertEqual([self.ip("-n", self.ns, "route"), self.ip("-n", self.ns, "-6", "route")],
                         before)

    def test_what_was_adopted(self):
        self.make()
        self.ok("spec", "-b", self.bundle, "--netns", "/run/netns/" + self.ns, "--", "/bin/links")
        lines = self.ok("run", "-b", self.bundle, "c1").splitlines()
        self.assertIn("eth0 mtu 1400 10.213.7.2/24", lines)
        self.assertIn("eth0 mtu 1400 fd77::2/64", lines)
        self.assertIn("route /0 via 10.213.7.1", lines)
        self.assertIn("route /16 via 0.0.0.0", lines)
        self.assertIn("route /0 via fd77::1", lines)

    def test_do_makes_a_network_and_takes_it_away(self):
        links = os.path.join(self.dir, "links")
        shutil.copy("/bin/true", links)
        p = self.run_cmd("do", "--print-ip", links)
        self.assertEqual(p.returncode, 0, p.stderr)
        a, b, c, d = re.search(r"runsc: address (172)\.(31)\.(\d+)\.(\d+)", p.stderr).groups()
        self.assertRegex(p.stdout, r"eth0 mtu 1500 172\.31\.\d+\.\d+/30")
        self.assertNotIn("%s.%s.%s.%d/" % (a, b, c, int(d) - 1), self.ip("addr"))
        self.assertEqual(os.listdir(self.state), [])

    def test_killed_do_is_swept(self):
        prog = os.path.join(self.dir, "sleep")
        shutil.copy("/bin/true", prog)
        p = subprocess.Popen([RUNSC, "--root", self.state, "do", prog], stdin=subprocess.DEVNULL)
        for _ in range(300):
            rows = json.loads(self.ok("list", "-f", "json")) or []
            if rows and rows[0]["status"] == "running":
                break
            time.sleep(0.01)
        state = json.loads(read(os.path.join(self.state, rows[0]["id"], "state.json")))
        self.assertIn(state["hostLink"], self.ip("-br", "link"))
        p.kill()
        p.wait()
        self.await_status(rows[0]["id"], "stopped")
        self.assertEqual(self.ok("list", "-q"), "")
        self.assertEqual(os.listdir(self.state), [])
        for _ in range(300):
            if state["hostLink"] not in self.ip("-br", "link"):
                break
            time.sleep(0.01)
        self.assertNotIn(state["hostLink"], self.ip("-br", "link"))

    def test_tap(self):
        links = os.path.join(self.dir, "links")
        shutil.copy("/bin/true", links)
        if not os.path.exists("/dev/net/tun"):
            self.skipTest("no tun device")
        p = self.run_cmd("do", links, flags=["--network=tap", "--tap-ip", "10.213.9.1/24"])
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertIn("eth0 mtu 1500 10.213.9.2/24", p.stdout)
        self.fails('--ip: "10.0.0.1" is not ADDRESS/8 to ADDRESS/30', "do", links,
                   flags=["--network=tap", "--tap-ip", "10.0.0.1"])


@needs_root
class Leaks(Case):
    def snapshot(self):
        # We are the subreaper, as an engine is.
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

        def count(path):
            with open(path) as f:
                return len(f.readlines())
        groups = sum(len(d) for _, d, _ in os.walk("/sys/fs/cgroup"))
        mine = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/comm" % pid) as f:
                    mine += f.read().startswith("runsc-")
            except OSError:
                pass
        return count("/proc/self/mountinfo"), groups, mine

    def test_a_hundred_cycles_leave_nothing(self):
        self.config()
        before = self.snapshot()
        for i in range(100):
            name = "c%d" % i
            self.ok("create", "-b", self.bundle, name)
            self.ok("start", name)
            self.ok("kill", name, "KILL")
            self.await_status(name, "stopped")
            self.ok("delete", name)
        for _ in range(200):
            if self.snapshot() == before:
                break
            time.sleep(0.01)
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(os.listdir(self.state), [])


if __name__ == "__main__":
    # Containers' processes come to us when their runsc has gone: collect them, as an engine would.
    import ctypes
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    unittest.main(verbosity=1)
