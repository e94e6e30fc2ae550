/* SPDX-License-Identifier: Apache-2.0 */
/* Where netfilter looks at packets. Nothing is plugged in until rules are loaded: then a hook costs one
 * predicted branch. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ip;
struct ip_path;
struct link;
struct pkt;

/* Linux's NF_INET_* numbers. */
enum ip_hook {
	IP_HOOK_PREROUTING = 0,
	IP_HOOK_INPUT = 1,
	IP_HOOK_FORWARD = 2,
	IP_HOOK_OUTPUT = 3,
	IP_HOOK_POSTROUTING = 4,
	IP_HOOK_COUNT = 5,
};

struct ip_hooks {
	void *ctx;
	/* @pkt's view starts at its IP header and stays there. @in, @out: NULL where there is none. True:
	 * go on with the packet, whose header may have changed; false: it was taken. */
	bool (*run)(void *ctx, enum ip_hook hook, struct link *in, struct link *out, struct pkt *pkt);
};

/* Each returns whether to go on; else the packet was taken. Received packets learn their addresses anew. */
bool ip_hook_run(struct ip *ip, enum ip_hook hook, struct link *in, struct link *out, struct pkt *pkt);
/* On the way out. Returns the path to go on with, which is @moved if the destination changed, or NULL. */
struct ip_path *ip_hook_output(struct ip *ip, struct ip_path *path, struct ip_path *moved, struct pkt *pkt);
/* A packet put together from fragments, its view at the transport: the hooks see it now. */
bool ip_hook_reassembled(struct ip *ip, struct link *in, struct pkt *pkt, uint8_t proto);
