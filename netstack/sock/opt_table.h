/* SPDX-License-Identifier: Apache-2.0 */
/* What the option files share: options that are one flag, described by a row. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "sock/sock.h"

/* When a value is good, and who may set it. */
enum opt_rule {
	OPT_BIT = 1,	   /* 0 or 1 only: -EINVAL */
	OPT_EMPTY = 2,	   /* a value of no bytes reads as 0 */
	OPT_PRIV = 4,	   /* to switch on: CAP_NET_ADMIN or CAP_NET_RAW */
	OPT_RAW = 8,	   /* raw sockets only: -ENOPROTOOPT */
	OPT_RAW_GET = 16,  /* other sockets do not even read it */
	OPT_NO_STREAM = 32, /* -EINVAL */
};

struct opt_flag {
	int name;
	uint16_t off; /* of a bool in struct sock_opts */
	uint16_t rule;
};

#define OPT_FLAG(n, member, rules)                                                                 \
	{                                                                                          \
		(n), offsetof(struct sock_opts, member), (rules)                                   \
	}

static inline const struct opt_flag *opt_flag_find(const struct opt_flag *flags, size_t n, int name)
{
	for (size_t i = 0; i < n; i++)
		if (flags[i].name == name)
			return &flags[i];
	return NULL;
}

static inline bool *opt_flag_at(struct sock *sk, const struct opt_flag *f)
{
	return (bool *)((char *)&sk->opt + f->off);
}

/* The checks that all flags have in common, then the change. */
static inline int opt_flag_set(struct sock *sk, const struct opt_flag *f, int v, unsigned caps)
{
	if ((f->rule & OPT_RAW) && sk->type != SOCK_RAW)
		return -ENOPROTOOPT;
	if ((f->rule & OPT_NO_STREAM) && sk->type == SOCK_STREAM)
		return -EINVAL;
	if ((f->rule & OPT_PRIV) && v && !(caps & (NET_CAP_ADMIN | NET_CAP_RAW)))
		return -EPERM;
	if ((f->rule & OPT_BIT) && v != 0 && v != 1)
		return -EINVAL;
	*opt_flag_at(sk, f) = v != 0;
	return 0;
}
