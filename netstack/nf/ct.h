/* SPDX-License-Identifier: Apache-2.0 */
/* Connection tracking: a connection has a tuple for each direction; the reply's is not the original's
 * turned round where NAT changed an address. */
#pragma once

#include "core/timer.h"
#include "netstack/nf.h"
#include "util/hash.h"
#include "util/list.h"

struct net_core;
struct nf_pkt;

/* Linux's numbers: what ct state and ctnetlink show. */
enum nf_ctinfo {
	CTI_ESTABLISHED = 0,
	CTI_RELATED = 1,
	CTI_NEW = 2,
	CTI_REPLY = 3, /* added to ESTABLISHED and RELATED */
};

enum {
	CTS_EXPECTED = 1 << 0,
	CTS_SEEN_REPLY = 1 << 1,
	CTS_ASSURED = 1 << 2,
	CTS_CONFIRMED = 1 << 3,
	CTS_SRC_NAT = 1 << 4,
	CTS_DST_NAT = 1 << 5,
	CTS_NAT_MASK = CTS_SRC_NAT | CTS_DST_NAT,
	CTS_SRC_NAT_DONE = 1 << 7,
	CTS_DST_NAT_DONE = 1 << 8,
	CTS_DYING = 1 << 9,
};

enum { CT_ORIG = 0, CT_REPLY = 1 };

struct nf_ct_node {
	struct hnode node;
	struct nf_ct *ct;
	struct net_ct_tuple tuple;
};

struct nf_ct {
	struct nf_ct_node dir[2];
	struct list all;
	struct nf_cts *cts;
	struct timer timer;
	net_time expires;
	net_time stream_at; /* UDP: traffic both ways after this is a stream */
	uint32_t id;
	uint32_t refs; /* packets that carry it unconfirmed, and the table */
	uint32_t status, mark;
	uint8_t tcp_state;
	uint8_t tcp_last_dir, tcp_last_flags;
	uint64_t packets[2], bytes[2];
};

/* Settings: struct nf_cts.set, named as Linux names them below net.netfilter. */
#define CT_SETTINGS(X)                                                                             \
	X(nf_conntrack_max, 262144)                                                                \
	X(nf_conntrack_buckets, 65536)                                                             \
	X(nf_conntrack_count, 0)                                                                   \
	X(nf_conntrack_generic_timeout, 600)                                                       \
	X(nf_conntrack_icmp_timeout, 30)                                                           \
	X(nf_conntrack_icmpv6_timeout, 30)                                                         \
	X(nf_conntrack_udp_timeout, 30)                                                            \
	X(nf_conntrack_udp_timeout_stream, 120)                                                    \
	X(nf_conntrack_tcp_timeout_syn_sent, 120)                                                  \
	X(nf_conntrack_tcp_timeout_syn_recv, 60)                                                   \
	X(nf_conntrack_tcp_timeout_established, 432000)                                            \
	X(nf_conntrack_tcp_timeout_fin_wait, 120)                                                  \
	X(nf_conntrack_tcp_timeout_close_wait, 60)                                                 \
	X(nf_conntrack_tcp_timeout_last_ack, 30)                                                   \
	X(nf_conntrack_tcp_timeout_time_wait, 120)                                                 \
	X(nf_conntrack_tcp_timeout_close, 10)                                                      \
	X(nf_conntrack_tcp_loose, 1)                                                               \
	X(nf_conntrack_acct, 0)

#define CT_SETTING_ENUM_(name, def) CTSET_##name,
enum { CT_SETTINGS(CT_SETTING_ENUM_) CTSET_COUNT };

struct nf_cts {
	struct net_core *core;
	struct hash table; /* struct nf_ct_node */
	struct list all;   /* oldest first */
	uint32_t count;
	uint32_t next_id;
	int32_t set[CTSET_COUNT];
	bool watching;
	struct net_ct_event *events; /* ring */
	unsigned ev_first, ev_count;
};

int nf_cts_init(struct nf_cts *cts, struct net_core *core);
void nf_cts_fini(struct nf_cts *cts);
void nf_cts_flush(struct nf_cts *cts);
void nf_cts_watch(struct nf_cts *cts, bool on);
bool nf_cts_next_event(struct nf_cts *cts, struct net_ct_event *ret);

/* Finds or makes the packet's connection: fills in @p->ct and ctinfo. A packet that belongs to none stays
 * without (ct state invalid). */
void nf_ct_track(struct nf_pkt *p);
/* Puts a new connection into the table. False: another took its place, drop the packet. */
bool nf_ct_confirm(struct nf_pkt *p);
struct nf_ct_node *nf_ct_find(struct nf_cts *cts, const struct net_ct_tuple *t);
/* Whether @t is the reply of a connection other than @self. */
bool nf_ct_taken(struct nf_cts *cts, const struct net_ct_tuple *t, const struct nf_ct *self);
struct net_ct_tuple nf_ct_invert(const struct net_ct_tuple *t);
void nf_ct_set_reply(struct nf_ct *ct, const struct net_ct_tuple *reply);
void nf_ct_unref(struct nf_ct *ct);
void nf_ct_kill(struct nf_ct *ct);
void nf_ct_refresh(struct nf_ct *ct, net_dur timeout);
void nf_ct_fill(const struct nf_ct *ct, net_time now, struct net_ct_info *ret);
bool nf_tuple_equal(const struct net_ct_tuple *a, const struct net_ct_tuple *b);
/* Reads the tuple of a packet whose IP header is at @nh and transport at @th. */
bool nf_tuple_read(const struct nf_pkt *p, size_t nh, uint8_t family, struct net_ct_tuple *ret, size_t *th);

static inline uint8_t nf_ctdir(uint8_t ctinfo)
{
	return ctinfo >= CTI_REPLY ? CT_REPLY : CT_ORIG;
}

/* ct_tcp.c: RFC 9293's states as seen from between. False: the segment fits no state. */
bool nf_ct_tcp(struct nf_pkt *p, struct nf_ct *ct, uint8_t dir, bool is_new);
