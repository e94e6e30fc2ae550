/* SPDX-License-Identifier: Apache-2.0 */
/* The system call table. Each family has a .def file with one line per call:
 *
 *	SYSCALL(0, read, "dpu", 'd')	number, name, argument kinds for --strace, result kind
 *
 * and a .c file with `long sys_read(struct task *t, const struct sysargs *a)`: argument decoding and
 * copy-in/out, no logic. Result: value or negative errno (or an ERESTART* of core/errno.h).
 * A number without a line is -ENOSYS, counted, and named once in the log.
 *
 * Argument kinds: d int, u unsigned, x hex, o octal mode, p pointer, s path/string, f open flags,
 * F fd, D dirfd, b buffer out (length is the result), B buffer in (length is the next argument),
 * S signal, A sockaddr in (length next), I iovec (count next), M mmap prot, m mmap flags, c clone flags,
 * t timespec in, T struct sigaction, g sigset, P pollfd array (count next), v argv, E epoll_event,
 * W wait status out, V msghdr. Result kinds: d x p.
 */
#pragma once

#include <stdint.h>

struct sysargs;
struct task;

typedef long (*syscall_fn)(struct task *t, const struct sysargs *a);

struct syscall_desc {
	syscall_fn fn;	  /* NULL: not implemented */
	const char *name; /* known for every Linux number, also unimplemented ones */
	const char *args;
	char result;
};

#define SYSCALL_MAX 470
extern const struct syscall_desc syscall_table[SYSCALL_MAX];

/* Dispatches with --strace and the ENOSYS log. */
long syscall_dispatch(struct task *t, const struct sysargs *a);
