/* SPDX-License-Identifier: Apache-2.0 */
/* Netfilter: packet filter and NAT (nftables), connection tracking.
 *
 * Rules come and go as nfnetlink messages (linux/netfilter/nf_tables.h): the bodies behind struct
 * nlmsghdr. Message framing, ports and permissions are the caller's. Nothing is evaluated, and a packet
 * pays one predicted branch, while no chain has a hook.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstack/types.h"
#include "util/cleanup.h"

/* Messages for a reader: struct nlmsghdr with length and type filled in, the body behind. */
struct net_nf_buf {
	uint8_t *data;
	size_t len, cap;
	size_t start; /* of the message being built */
	bool failed;  /* no memory */
};
void net_nf_buf_fini(struct net_nf_buf *b);

/* What was wrong with a message. */
struct net_nf_error {
	const uint8_t *at; /* the offending attribute's payload inside the message, or NULL */
	const char *text;  /* static, or NULL */
};

/* A transaction: changes apply in order and can all be taken back. One at a time. */
void net_nft_begin(struct net_stack *stack);
/* @type: NFT_MSG_* of a change. @flags: nlmsg_flags. Body: struct nfgenmsg's family, then attributes.
 * @notify gets what the change tells the groups (or NULL). 0 or Linux's errno. */
int net_nft_apply(struct net_stack *stack, uint8_t type, uint8_t family, uint16_t flags,
		  const uint8_t *attrs, size_t len, struct net_nf_buf *notify, struct net_nf_error *err);
void net_nft_commit(struct net_stack *stack);
void net_nft_abort(struct net_stack *stack);
/* Grows with each commit that changed something. */
uint32_t net_nft_generation(const struct net_stack *stack);

/* NFT_MSG_GET*: one object, or a dump of all that match. 0 or an errno. */
int net_nft_get(struct net_stack *stack, uint8_t type, uint8_t family, bool dump, const uint8_t *attrs,
		size_t len, struct net_nf_buf *ret, struct net_nf_error *err);
/* NFNL_SUBSYS_NFT_COMPAT: which revision of an xtables extension there is. 0, -ENOENT, -EINVAL. */
int net_nft_compat_revision(uint8_t family, const char *name, uint32_t revision, bool target);

/* A connection, by value: for ctnetlink and /proc/net/nf_conntrack. */
struct net_ct_tuple {
	struct net_addr src, dst;
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: sport is the id, dport is type << 8 | code */
};

struct net_ct_info {
	struct net_ct_tuple orig, reply;
	uint32_t id, mark, status; /* IPS_* */
	uint32_t timeout_s;
	uint8_t tcp_state; /* TCP_CONNTRACK_* */
	uint64_t packets[2], bytes[2];
};

size_t net_info_conntrack(const struct net_stack *stack, struct net_ct_info *ret, size_t max);
uint32_t net_conntrack_count(const struct net_stack *stack);
/* Deletes one (either direction's tuple; @id 0: any). 0 or -ENOENT. */
int net_conntrack_del(struct net_stack *stack, const struct net_ct_tuple *tuple, uint32_t id);
void net_conntrack_flush(struct net_stack *stack);
/* Changes mark and timeout of one; negative timeout: not. 0 or -ENOENT. */
int net_conntrack_update(struct net_stack *stack, const struct net_ct_tuple *tuple, uint32_t mark,
			 uint32_t mark_mask, int64_t timeout_s);

/* What happened to connections, for "conntrack -E". Off until watched; bounded. */
enum net_ct_event_kind { NET_CT_NEW = 1, NET_CT_UPDATE = 2, NET_CT_DESTROY = 3 };
struct net_ct_event {
	enum net_ct_event_kind kind;
	struct net_ct_info info;
};
void net_conntrack_watch(struct net_stack *stack, bool on);
bool net_conntrack_next_event(struct net_stack *stack, struct net_ct_event *ret);

/* Settings with Linux's names below net.netfilter. Values in seconds or counts. -ENOENT past the end. */
const char *net_ct_setting_name(unsigned which);
int32_t net_ct_setting_get(const struct net_stack *stack, unsigned which);
int net_ct_setting_set(struct net_stack *stack, unsigned which, int32_t value);

/* Where a redirected connection wanted to go (SO_ORIGINAL_DST). @local, @remote: the socket's. 0 or
 * -ENOENT. */
int net_conntrack_orig_dst(struct net_stack *stack, uint8_t proto, const struct net_endpoint *local,
			   const struct net_endpoint *remote, struct net_endpoint *ret);

/* Lines of the log statement, in order; the last few are kept. Returns whether there was one. */
bool net_nf_log_next(struct net_stack *stack, char *ret, size_t size);
