#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the rows of sentry_rows natively, under ours, and under a peer, interleaved, and prints ratios.

  compare.py --rows build/sentry/bench/sentry_rows --runsc build/runsc/runsc [--peer PATH] [--rounds 2]
             [name...]

Each side is a command that runs the binary: natively, `runsc do BINARY`, and `$PEER_RUNSC do BINARY` (or
--peer). The better of the rounds counts. Exits with 1 when a side failed.
"""
import argparse
import os
import subprocess
import sys


def run(command, names, limit):
    try:
        done = subprocess.run(command + names, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        print(f"{' '.join(command)}: no end after {limit} s", file=sys.stderr)
        return {}
    if done.returncode != 0:
        print(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}", file=sys.stderr)
    rows = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == "ns":
            rows[words[0]] = float(words[1])
    return rows


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--rows", required=True)
    ap.add_argument("--runsc", required=True)
    ap.add_argument("--peer", default=os.environ.get("PEER_RUNSC"))
    ap.add_argument("--peer-args", default="", help="arguments of the peer before `do`")
    ap.add_argument("--rounds", type=int, default=2)
    ap.add_argument("--timeout", type=int, default=300)
    ap.add_argument("names", nargs="*")
    args = ap.parse_args()

    rows = os.path.abspath(args.rows)
    sides = {"native": [rows], "ours": [args.runsc, "do", rows]}
    if args.peer:
        sides["peer"] = [args.peer] + args.peer_args.split() + ["do", rows]
    best = {side: {} for side in sides}
    for _ in range(args.rounds):
        for side, command in sides.items():
            for name, value in run(command, args.names, args.timeout).items():
                best[side][name] = min(value, best[side].get(name, value))

    peer = "peer" in sides
    print(f"{'work':18} {'native':>12} {'ours':>12} {'ours/native':>12}"
          + (f" {'peer':>12} {'ours/peer':>10}" if peer else ""))
    for name, native in best["native"].items():
        ours = best["ours"].get(name)
        if ours is None:
            print(f"{name:18} {native:12.0f} {'-':>12}")
            continue
        line = f"{name:18} {native:12.0f} {ours:12.0f} {ours / native:12.2f}"
        if peer and name in best["peer"]:
            line += f" {best['peer'][name]:12.0f} {ours / best['peer'][name]:10.2f}"
        print(line)
    return 0 if all(best.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
