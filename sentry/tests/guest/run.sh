#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every guest test program natively and in the sandbox and compares what they print.
#
# usage: run.sh RUNSC [NAME...]
#   RUNSC  path of the runsc binary, or of the bring-up harness ("RUN" below says how it is called)
#   NAME   programs to run, without .c (default: all)
# environment: CC (gcc), RUN ("$RUNSC do"), TIMEOUT (60), KEEP (1: keep the directory with the outputs)
set -u
# The programs print descriptor numbers: both sides start with 0 to 2 alone.
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-

here=$(cd "$(dirname "$0")" && pwd)
runsc=${1:?usage: run.sh RUNSC [NAME...]}
shift
run=${RUN:-$runsc do}
dir=$(mktemp -d /var/tmp/netsentry-guest.XXXXXX)
[ "${KEEP:-0}" = 1 ] || trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # not in /tmp: "runsc do" has one of its own

[ $# -gt 0 ] || set -- $(cd "$here" && ls *.c | sed 's/\.c$//')
failed=0
for name in "$@"; do
	if ! ${CC:-gcc} -static -O1 -D_GNU_SOURCE -w -pthread \
		-o "$dir/$name" "$here/$name.c"; then
		echo "FAIL  $name: does not compile"
		failed=1
		continue
	fi
	timeout -k 5 "${TIMEOUT:-60}" "$dir/$name" >"$dir/$name.native" 2>&1 </dev/null
	native=$?
	timeout -k 5 "${TIMEOUT:-60}" $run "$dir/$name" >"$dir/$name.sandbox" 2>"$dir/$name.stderr" </dev/null
	sandbox=$?
	# What the program itself wrote to stderr belongs to the comparison as well.
	grep -v unimplemented "$dir/$name.stderr" >>"$dir/$name.sandbox"
	if [ $native -ne $sandbox ]; then
		echo "FAIL  $name: exits with $native natively, with $sandbox in the sandbox"
		diff "$dir/$name.native" "$dir/$name.sandbox" | head -20
		failed=1
	elif ! diff "$dir/$name.native" "$dir/$name.sandbox" >"$dir/$name.diff"; then
		echo "FAIL  $name: prints something else"
		head -20 "$dir/$name.diff"
		failed=1
	else
		echo "ok    $name"
	fi
done
exit $failed
