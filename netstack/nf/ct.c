/* SPDX-License-Identifier: Apache-2.0 */
/* Connection tracking: the table, and what each packet does to its connection. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "nf/nf.h"
#include "util/siphash.h"
#include "wire/wire.h"

#define EVENTS 256

static void ct_free(struct nf_ct *ct)
{
	timer_cancel(&ct->cts->core->timers, &ct->timer);
	free(ct);
}

int nf_cts_init(struct nf_cts *cts, struct net_core *core)
{
	static const int32_t defaults[] = {
#define DEFAULT_(name, def) def,
		CT_SETTINGS(DEFAULT_)
#undef DEFAULT_
	};

	cts->core = core;
	list_init(&cts->all);
	memcpy(cts->set, defaults, sizeof(cts->set));
	return hash_init(&cts->table, 4);
}

void nf_cts_fini(struct nf_cts *cts)
{
	nf_cts_flush(cts);
	hash_fini(&cts->table);
	free(cts->events);
}

/* --- tuples ------------------------------------------------------------------------------------------- */

static uint64_t tuple_hash(const struct nf_cts *cts, const struct net_ct_tuple *t)
{
	struct {
		uint64_t src[2], dst[2];
		uint32_t ports, proto;
	} key = { { t->src.quad[0], t->src.quad[1] },
		  { t->dst.quad[0], t->dst.quad[1] },
		  (uint32_t)t->sport << 16 | t->dport,
		  (uint32_t)t->proto << 16 | t->src.family };

	return siphash(&cts->core->key, &key, sizeof(key));
}

static bool same_addr(const struct net_addr *a, const struct net_addr *b)
{
	return a->family == b->family && a->quad[0] == b->quad[0] && a->quad[1] == b->quad[1];
}

bool nf_tuple_equal(const struct net_ct_tuple *a, const struct net_ct_tuple *b)
{
	return a->proto == b->proto && a->sport == b->sport && a->dport == b->dport &&
	       same_addr(&a->src, &b->src) && same_addr(&a->dst, &b->dst);
}

/* Echo and time stamp: type of the answer; 0: this one has none (0 is an answer's type). */
static uint8_t icmp_answer(uint8_t proto, uint8_t type)
{
	if (proto == IPPROTO_ICMPV6)
		return type == 128 ? 129 : type == 129 ? 128 : 0;
	switch (type) {
	case 8:
		return 0;
	case 0:
		return 8;
	case 13:
		return 14;
	case 14:
		return 13;
	default:
		return 0xff;
	}
}

struct net_ct_tuple nf_ct_invert(const struct net_ct_tuple *t)
{
	struct net_ct_tuple r = { .src = t->dst, .dst = t->src, .proto = t->proto, .sport = t->dport,
				  .dport = t->sport };

	if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) {
		r.sport = t->sport;
		r.dport = (uint16_t)(icmp_answer(t->proto, (uint8_t)(t->dport >> 8)) << 8);
	}
	return r;
}

struct nf_ct_node *nf_ct_find(struct nf_cts *cts, const struct net_ct_tuple *t)
{
	hash_for_each_match(n, &cts->table, tuple_hash(cts, t))
	{
		struct nf_ct_node *node = hash_entry(n, struct nf_ct_node, node);

		if (nf_tuple_equal(&node->tuple, t))
			return node;
	}
	return NULL;
}

bool nf_ct_taken(struct nf_cts *cts, const struct net_ct_tuple *t, const struct nf_ct *self)
{
	struct nf_ct_node *n = nf_ct_find(cts, t);

	return n && n->ct != self;
}

static bool addrs_of(const struct nf_pkt *p, size_t nh, uint8_t family, struct net_ct_tuple *ret)
{
	ret->src.family = ret->dst.family = family;
	if (family == AF_INET)
		return nf_pkt_load(p, nh + 12, ret->src.v4, 4) && nf_pkt_load(p, nh + 16, ret->dst.v4, 4);
	return nf_pkt_load(p, nh + 8, ret->src.v6, 16) && nf_pkt_load(p, nh + 24, ret->dst.v6, 16);
}

/* The transport's part. */
static bool ports_of(const struct nf_pkt *p, size_t th, struct net_ct_tuple *t)
{
	uint8_t b[8];

	switch (t->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		if (!nf_pkt_load(p, th, b, 4))
			return false;
		t->sport = wire_get16(b);
		t->dport = wire_get16(b + 2);
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (!nf_pkt_load(p, th, b, 8))
			return false;
		t->sport = wire_get16(b + 4);
		t->dport = wire_get16(b);
		return true;
	default:
		return true;
	}
}

bool nf_tuple_read(const struct nf_pkt *p, size_t nh, uint8_t family, struct net_ct_tuple *ret, size_t *th)
{
	uint8_t b;

	*ret = (struct net_ct_tuple){ 0 };
	if (!addrs_of(p, nh, family, ret))
		return false;
	if (nh == 0) {
		ret->proto = p->proto;
		*th = p->th_off;
	} else if (family == AF_INET) {
		if (!nf_pkt_load(p, nh + 9, &ret->proto, 1) || !nf_pkt_load(p, nh, &b, 1))
			return false;
		*th = nh + 4u * (b & 15);
	} else {
		/* The quoted packet: extension headers are not walked again. */
		if (!nf_pkt_load(p, nh + 6, &ret->proto, 1))
			return false;
		*th = nh + IP6_HDR_LEN;
	}
	return ports_of(p, *th, ret);
}

/* --- life --------------------------------------------------------------------------------------------- */

static void event(struct nf_ct *ct, enum net_ct_event_kind kind)
{
	struct nf_cts *cts = ct->cts;
	struct net_ct_event *e;

	if (!cts->watching || !cts->events || !(ct->status & CTS_CONFIRMED))
		return;
	if (cts->ev_count == EVENTS) {
		cts->ev_first = (cts->ev_first + 1) % EVENTS;
		cts->ev_count--;
	}
	e = &cts->events[(cts->ev_first + cts->ev_count++) % EVENTS];
	e->kind = kind;
	nf_ct_fill(ct, cts->core->now, &e->info);
}

void nf_cts_watch(struct nf_cts *cts, bool on)
{
	if (on && !cts->events)
		cts->events = calloc(EVENTS, sizeof(*cts->events));
	cts->watching = on;
	if (!on)
		cts->ev_count = 0;
}

bool nf_cts_next_event(struct nf_cts *cts, struct net_ct_event *ret)
{
	if (cts->ev_count == 0)
		return false;
	*ret = cts->events[cts->ev_first];
	cts->ev_first = (cts->ev_first + 1) % EVENTS;
	cts->ev_count--;
	return true;
}

void nf_ct_kill(struct nf_ct *ct)
{
	if (!hash_linked(&ct->dir[0].node))
		return;
	event(ct, NET_CT_DESTROY);
	ct->status |= CTS_DYING;
	hash_remove(&ct->cts->table, &ct->dir[0].node);
	hash_remove(&ct->cts->table, &ct->dir[1].node);
	list_remove(&ct->all);
	ct->cts->count--;
	timer_cancel(&ct->cts->core->timers, &ct->timer);
	nf_ct_unref(ct);
}

void nf_ct_unref(struct nf_ct *ct)
{
	if (ct && --ct->refs == 0)
		ct_free(ct);
}

void nf_cts_flush(struct nf_cts *cts)
{
	struct nf_ct *ct;

	while ((ct = list_first_entry(&cts->all, struct nf_ct, all)) != NULL)
		nf_ct_kill(ct);
}

/* The timer is set once and looks again: packets only move the deadline. */
static void fire(struct timer *t)
{
	struct nf_ct *ct = container_of(t, struct nf_ct, timer);

	if (ct->expires > ct->cts->core->now)
		timer_arm(&ct->cts->core->timers, t, ct->expires);
	else
		nf_ct_kill(ct);
}

void nf_ct_refresh(struct nf_ct *ct, net_dur timeout)
{
	ct->expires = ct->cts->core->now + timeout;
	if (timer_armed(&ct->timer) && ct->timer.at > ct->expires)
		timer_arm(&ct->cts->core->timers, &ct->timer, ct->expires);
}

static struct nf_ct *ct_new(struct nf_cts *cts, const struct net_ct_tuple *t)
{
	struct nf_ct *ct = calloc(1, sizeof(*ct));

	if (!ct)
		return NULL;
	ct->cts = cts;
	ct->refs = 1;
	ct->id = ++cts->next_id;
	ct->stream_at = cts->core->now + NET_SEC(2);
	timer_init(&ct->timer, fire);
	ct->dir[CT_ORIG] = (struct nf_ct_node){ .ct = ct, .tuple = *t };
	ct->dir[CT_REPLY] = (struct nf_ct_node){ .ct = ct, .tuple = nf_ct_invert(t) };
	return ct;
}

void nf_ct_set_reply(struct nf_ct *ct, const struct net_ct_tuple *reply)
{
	if (!hash_linked(&ct->dir[CT_REPLY].node))
		ct->dir[CT_REPLY].tuple = *reply;
}

/* Room for one more: an entry without a reply may go. */
static bool early_drop(struct nf_cts *cts)
{
	struct nf_ct *ct;
	int tries = 8;

	list_for_each_entry(ct, &cts->all, all)
	{
		if (!(ct->status & CTS_ASSURED)) {
			nf_ct_kill(ct);
			return true;
		}
		if (--tries == 0)
			break;
	}
	return false;
}

bool nf_ct_confirm(struct nf_pkt *p)
{
	struct nf_ct *ct = p->ct;
	struct nf_cts *cts;

	if (!ct || (ct->status & (CTS_CONFIRMED | CTS_DYING)))
		return true;
	cts = ct->cts;
	if (nf_ct_find(cts, &ct->dir[0].tuple) || nf_ct_find(cts, &ct->dir[1].tuple))
		return false;
	if (cts->count >= (uint32_t)cts->set[CTSET_nf_conntrack_max] && !early_drop(cts))
		return false;
	hash_insert(&cts->table, &ct->dir[0].node, tuple_hash(cts, &ct->dir[0].tuple));
	hash_insert(&cts->table, &ct->dir[1].node, tuple_hash(cts, &ct->dir[1].tuple));
	list_push_back(&cts->all, &ct->all);
	cts->count++;
	ct->refs++;
	ct->status |= CTS_CONFIRMED;
	timer_arm(&cts->core->timers, &ct->timer, ct->expires);
	event(ct, NET_CT_NEW);
	return true;
}

/* --- packets ------------------------------------------------------------------------------------------ */

static bool is_icmp_error(const struct nf_pkt *p)
{
	uint8_t type;

	if (!p->has_th || (p->proto != IPPROTO_ICMP && p->proto != IPPROTO_ICMPV6) ||
	    !nf_pkt_load(p, p->th_off, &type, 1))
		return false;
	if (p->proto == IPPROTO_ICMPV6)
		return type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* An error is related to the connection of the packet that it quotes. */
static void track_error(struct nf_pkt *p)
{
	struct nf_cts *cts = &p->nf->cts;
	struct net_ct_tuple inner, reply;
	struct nf_ct_node *n;
	size_t th;

	if (!nf_tuple_read(p, p->th_off + 8u, p->family, &inner, &th))
		return;
	/* The quoted packet went the other way: we look for what answers it. */
	reply = nf_ct_invert(&inner);
	n = nf_ct_find(cts, &reply);
	if (!n)
		return;
	p->ct = n->ct;
	p->ctinfo = CTI_RELATED;
	if (n == &n->ct->dir[CT_REPLY])
		p->ctinfo += CTI_REPLY;
}

static bool icmp_starts(uint8_t proto, uint8_t type)
{
	return proto == IPPROTO_ICMPV6 ? type == 128 : type == 8 || type == 13;
}

/* Timeouts of everything but TCP. */
static bool plain(struct nf_pkt *p, struct nf_ct *ct, bool is_new)
{
	const int32_t *set = ct->cts->set;
	int which = CTSET_nf_conntrack_generic_timeout;

	if (p->proto == IPPROTO_UDP || p->proto == IPPROTO_UDPLITE) {
		which = CTSET_nf_conntrack_udp_timeout;
		if ((ct->status & CTS_SEEN_REPLY) && ct->cts->core->now >= ct->stream_at) {
			which = CTSET_nf_conntrack_udp_timeout_stream;
			ct->status |= CTS_ASSURED;
		}
	} else if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		which = p->proto == IPPROTO_ICMP ? CTSET_nf_conntrack_icmp_timeout
						 : CTSET_nf_conntrack_icmpv6_timeout;
		if (is_new && !icmp_starts(p->proto, (uint8_t)(ct->dir[0].tuple.dport >> 8)))
			return false;
	}
	nf_ct_refresh(ct, NET_SEC(set[which]));
	return true;
}

static void count(struct nf_pkt *p, struct nf_ct *ct, uint8_t dir)
{
	if (ct->cts->set[CTSET_nf_conntrack_acct]) {
		ct->packets[dir]++;
		ct->bytes[dir] += p->pkt->len;
	}
}

void nf_ct_track(struct nf_pkt *p)
{
	struct nf_cts *cts = &p->nf->cts;
	struct net_ct_tuple t;
	struct nf_ct_node *n;
	struct nf_ct *ct;
	bool is_new, ok;
	uint8_t dir;
	size_t th;

	if (p->ct || p->untracked || !p->has_th)
		return;
	if (is_icmp_error(p)) {
		track_error(p);
		if (p->ct)
			p->ct->refs++;
		return;
	}
	/* Neighbour and router discovery belong to no connection. */
	if (!nf_tuple_read(p, 0, p->family, &t, &th))
		return;
	if (p->proto == IPPROTO_ICMPV6 && t.dport >> 8 >= 130 && t.dport >> 8 <= 143) {
		p->untracked = true;
		return;
	}
	n = nf_ct_find(cts, &t);
	is_new = !n;
	ct = n ? n->ct : ct_new(cts, &t);
	if (!ct)
		return;
	if (n)
		ct->refs++;
	dir = n == &ct->dir[CT_REPLY] ? CT_REPLY : CT_ORIG;
	ok = p->proto == IPPROTO_TCP ? nf_ct_tcp(p, ct, dir, is_new) : plain(p, ct, is_new);
	if (!ok) {
		nf_ct_unref(ct);
		return;
	}
	count(p, ct, dir);
	p->ct = ct;
	if (dir == CT_REPLY) {
		p->ctinfo = CTI_ESTABLISHED + CTI_REPLY;
		if (!(ct->status & CTS_SEEN_REPLY)) {
			ct->status |= CTS_SEEN_REPLY;
			event(ct, NET_CT_UPDATE);
		}
	} else {
		p->ctinfo = ct->status & CTS_SEEN_REPLY ? CTI_ESTABLISHED : CTI_NEW;
	}
}

void nf_ct_fill(const struct nf_ct *ct, net_time now, struct net_ct_info *ret)
{
	*ret = (struct net_ct_info){ .orig = ct->dir[CT_ORIG].tuple,
				     .reply = ct->dir[CT_REPLY].tuple,
				     .id = ct->id,
				     .mark = ct->mark,
				     .status = ct->status,
				     .tcp_state = ct->tcp_state,
				     .timeout_s = ct->expires > now
							  ? (uint32_t)((ct->expires - now) / NET_SEC(1))
							  : 0,
				     .packets = { ct->packets[0], ct->packets[1] },
				     .bytes = { ct->bytes[0], ct->bytes[1] } };
}
