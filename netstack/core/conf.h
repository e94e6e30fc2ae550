/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the settings of links (netstack/conf.h): one set per link, and those named "all" and
 * "default". How "all" and a link combine is Linux's, per setting: see the accessors' users. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "netstack/conf.h"
#include "netstack/stack.h"

struct conf {
	int32_t v4[NET_CONF4_COUNT];
	int32_t v6[NET_CONF6_COUNT];
	int32_t neigh4[NET_NEIGH_CONF_COUNT];
	int32_t neigh6[NET_NEIGH_CONF_COUNT];
	bool has_secret; /* RFC 7217 */
	uint8_t secret[16];
};

struct confs {
	struct conf all, def;
};

void confs_init(struct confs *cs, const struct net_tunables *tun);
/* The array of a group and its length. */
int32_t *conf_group(struct conf *c, enum net_conf_group group, unsigned *count);
/* 0 or -EINVAL. */
int conf_check(enum net_conf_group group, unsigned which, int32_t value);
/* What tunables say that is kept per link, where it differs between @old and @now. */
void conf_follow(struct conf *c, const struct net_tunables *old, const struct net_tunables *now);
