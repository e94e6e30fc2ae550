/* SPDX-License-Identifier: Apache-2.0 */
/* The net.* sysctls by name: what config.json's linux.sysctl and /proc/sys/net set and show. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct net_tunables;

struct sysctl_net {
	const char *name; /* "net.ipv4.tcp_sack" */
	size_t offset;	  /* of the first int32_t in struct net_tunables */
	int count;	  /* how many int32_t; 0: a string */
	size_t size;	  /* of the string; of a number: not 0 if it is unsigned */
};

/* All of them, for /proc/sys. Returns the table and its length. */
const struct sysctl_net *sysctl_net_table(size_t *n);
/* Applies "name=value". 0, -ENOENT for an unknown name, -EINVAL for a bad value. */
int sysctl_net_apply(struct net_tunables *t, const char *assignment);
/* The same by entry. */
int sysctl_net_set(struct net_tunables *t, const struct sysctl_net *s, const char *value);
int sysctl_net_show(const struct net_tunables *t, const struct sysctl_net *s, char *buf, size_t size);
