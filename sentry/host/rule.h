/* SPDX-License-Identifier: Apache-2.0 */
/* How a wrapper in host/ declares the system call that it makes, next to its code. seccomp/filter.c
 *builds the sentry's allow-list from these declarations and from nothing else.
 *
 *	HOST_SYSCALL(fsync);				any arguments
 *	HOST_SYSCALL(madvise, HOST_EQ(2, MADV_DONTNEED));	one rule: all conditions must hold
 *	HOST_SYSCALL(futex, HOST_MASK(1, ~128u, FUTEX_WAIT));	(argument & mask) == value
 *
 * Several declarations of one call are alternatives. Arguments are numbered from 0 and compared as
 *64 bits; use HOST_MASK(n, 0xffffffff, v) for an int.
 */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>

struct host_cond {
	unsigned arg;
	uint64_t mask, value;
};

struct host_rule {
	int nr;
	unsigned n;
	struct host_cond cond[4];
};

#define HOST_EQ(n, v)                                                                              \
	{                                                                                          \
		(n), UINT64_MAX, (uint64_t)(v)                                                     \
	}
#define HOST_INT(n, v)                                                                             \
	{                                                                                          \
		(n), 0xffffffff, (uint64_t)(uint32_t)(v)                                           \
	}
#define HOST_MASK(n, m, v)                                                                         \
	{                                                                                          \
		(n), (uint64_t)(m), (uint64_t)(v)                                                  \
	}

#define HOST_CAT_(a, b) a##b
#define HOST_CAT(a, b) HOST_CAT_(a, b)
#define HOST_SYSCALL(name, ...) HOST_SYSCALL_NR(SYS_##name, ##__VA_ARGS__)
#define HOST_SYSCALL_NR(number, ...)                                                               \
	__attribute__((used, retain, section("host_rules"),                                        \
		       aligned(8))) static const struct host_rule                                  \
	HOST_CAT(host_rule_, __COUNTER__) = {                                                      \
		.nr = (number),                                                                    \
		.n = sizeof((struct host_cond[]){__VA_ARGS__}) / sizeof(struct host_cond),         \
		.cond = {__VA_ARGS__},                                                             \
	}
