/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists of dissected packets, aligned and compared field by field. */
#pragma once

#include <stdio.h>

#include <netstack/types.h>

#include "dissect.h"

/* A packet to be compared. */
struct cmp_pkt {
	net_time at;
	struct dis dis;
};

struct cmp_list {
	struct cmp_pkt *pkts;
	size_t n, cap;
};

/* Adds an empty one. NULL: no memory. */
struct cmp_pkt *cmp_add(struct cmp_list *list);
void cmp_fini(struct cmp_list *list);

struct cmp_rules {
	const char *const *mask; /* names of fields ("tcp.win") or layers ("tcp") not compared */
	size_t nmask;
	const char *const *also; /* names of random fields that are compared all the same */
	size_t nalso;
	net_dur tolerance; /* of instants; negative: not compared */
};

/* Whether @dis has a field or layer of that name. */
bool cmp_has(const struct dis *dis, const char *const *names, size_t n);

/* Prints each difference side by side, with @left and @right as headings. Returns how many packets
 * differ, or -ENOMEM. */
int cmp_print(FILE *to, const struct cmp_list *want, const struct cmp_list *got,
	      const struct cmp_rules *rules, const char *left, const char *right);
