/* SPDX-License-Identifier: Apache-2.0 */
/* Reassembly of fragments of both families.
 *
 * Overlap policy: RFC 5722 for IPv6 and, as Linux does, for IPv4 too: any overlap that is not an
 * exact duplicate discards the whole packet. Limits: memory (truesize), packets, fragments of one
 * packet; the oldest packet goes first. Timers: RFC 791 / RFC 8200 4.5, ICMP only if the first
 * came.
 */
#include <stdlib.h>

#include "ip/ip.h"

struct reasm {
	struct hnode node;
	struct list age;
	struct ip *ip;
	struct link *link;
	struct net_addr src, dst;
	uint32_t id;
	uint8_t proto;	/* of the key (IPv4) */
	uint8_t next;	/* of the first fragment */
	uint8_t ecn_or; /* ECN marks seen, RFC 3168 5.3 */
	bool ecn_bad;
	uint32_t total; /* length of the data; 0 = last fragment not here */
	uint32_t have;
	uint32_t bytes; /* truesize held */
	uint32_t count;
	uint32_t largest;
	struct timer timer;
	struct list frags; /* struct pkt by offset; cb: struct frag_cb */
};

struct frag_cb {
	uint32_t off;
	uint32_t truesize;
};

static struct frag_cb *cb(struct pkt *pkt)
{
	return (struct frag_cb *)(void *)pkt->cb64;
}

static uint64_t reasm_hash(struct ip *ip, const struct reasm_in *in)
{
	struct {
		uint64_t src[2], dst[2];
		uint64_t rest;
	} key = {{in->src.quad[0], in->src.quad[1]},
		 {in->dst.quad[0], in->dst.quad[1]},
		 (uint64_t)in->id << 32 | in->src.family << 8 |
			 (in->src.family == AF_INET ? in->proto : 0)};

	return siphash(&ip->core->key, &key, sizeof(key));
}

static void free_frags(struct reasm *q, enum drop why)
{
	struct pkt *pkt;

	while ((pkt = list_pop_entry(&q->frags, struct pkt, link)))
		core_drop(q->ip->core, pkt, why);
}

static void reasm_free(struct reasm *q, enum drop why)
{
	struct reasm_table *t = &q->ip->reasm;

	free_frags(q, why);
	timer_cancel(&q->ip->core->timers, &q->timer);
	hash_remove(&t->table, &q->node);
	list_remove(&q->age);
	t->count--;
	t->bytes -= q->bytes;
	free(q);
}

static void count_fail(struct ip *ip, uint16_t family)
{
	if (family == AF_INET)
		MIB_INC(ip->core, Ip_ReasmFails);
	else
		MIB_INC(ip->core, Ip6_ReasmFails);
}

static void reasm_fire(struct timer *timer)
{
	struct reasm *q = container_of(timer, struct reasm, timer);
	struct pkt *first = list_first_entry(&q->frags, struct pkt, link);

	count_fail(q->ip, q->src.family);
	if (q->src.family == AF_INET)
		MIB_INC(q->ip->core, Ip_ReasmTimeout);
	else
		MIB_INC(q->ip->core, Ip6_ReasmTimeout);
	if (first && cb(first)->off == 0) {
		if (q->src.family == AF_INET)
			icmp4_error(q->ip, first, ICMP4_TIME_EXCEEDED, 1, 0);
		else
			icmp6_error(q->ip, first, ICMP6_TIME_EXCEEDED_, 1, 0);
	}
	reasm_free(q, DROP_FRAG_TIMEOUT);
}

static struct reasm *reasm_find(struct ip *ip, uint64_t h, const struct reasm_in *in)
{
	hash_for_each_match(node, &ip->reasm.table, h)
	{
		struct reasm *q = hash_entry(node, struct reasm, node);

		if (q->id == in->id && addr_eq(&q->src, &in->src) && addr_eq(&q->dst, &in->dst) &&
		    (in->src.family == AF_INET6 || q->proto == in->proto))
			return q;
	}
	return NULL;
}

/* net.ipv4.ipfrag_high_thresh and its twin, within the stack's own budget. */
static uint32_t memory_limit(const struct ip *ip, uint16_t family)
{
	const struct net_tunables *tun = &ip->core->tun;
	int32_t thresh = family == AF_INET ? tun->ipfrag_high_thresh : tun->ip6frag_high_thresh;

	return MIN(ip->core->lim.reasm_bytes, (uint32_t)MAX(thresh, 0));
}

static void evict_oldest(struct ip *ip)
{
	struct reasm *q = list_first_entry(&ip->reasm.age, struct reasm, age);

	count_fail(ip, q->src.family);
	reasm_free(q, DROP_FRAG_LIMIT);
}

static struct reasm *reasm_new(struct ip *ip, struct link *link, uint64_t h,
			       const struct reasm_in *in)
{
	struct reasm_table *t = &ip->reasm;
	const struct net_tunables *tun = &ip->core->tun;
	int32_t secs = in->src.family == AF_INET ? tun->ipfrag_time_s : tun->ip6frag_time_s;
	struct reasm *q;

	if (t->count >= ip->core->lim.reasm_packets && t->count)
		evict_oldest(ip);
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->ip = ip;
	q->link = link;
	q->src = in->src;
	q->dst = in->dst;
	q->id = in->id;
	q->proto = in->proto;
	list_init(&q->frags);
	timer_init(&q->timer, reasm_fire);
	timer_arm(&ip->core->timers, &q->timer, ip->core->now + NET_SEC(secs));
	hash_insert(&t->table, &q->node, h);
	list_push_back(&t->age, &q->age);
	t->count++;
	return q;
}

/* Where to insert [off, end); DROP_NONE with @after, or why not. */
static enum drop find_place(struct reasm *q, uint32_t off, uint32_t end, struct list **after)
{
	struct list *at = &q->frags;

	/* Fragments mostly come in order: look from the back. */
	for (struct list *n = list_last(&q->frags); n; n = list_prev(&q->frags, n)) {
		struct pkt *f = list_entry(n, struct pkt, link);
		uint32_t f_off = cb(f)->off, f_end = f_off + f->len;

		if (f_off == off && f_end == end)
			return DROP_FRAG_DUPLICATE;
		if (off < f_end && f_off < end)
			return DROP_FRAG_OVERLAP;
		if (f_end <= off) {
			at = n;
			break;
		}
	}
	*after = at;
	return DROP_NONE;
}

static enum drop check_bounds(struct reasm *q, const struct reasm_in *in, uint32_t len)
{
	uint32_t end = in->off + len;
	struct pkt *last;

	if (!len || (in->more && len % 8))
		return DROP_FRAG_MALFORMED;
	if (end > PKT_MAX_LEN)
		return DROP_FRAG_TOO_LONG;
	if (!in->more) {
		last = list_last_entry(&q->frags, struct pkt, link);
		if ((q->total && q->total != end) || (last && cb(last)->off + last->len > end))
			return DROP_FRAG_OVERLAP;
		q->total = end;
	} else if (q->total && end > q->total) {
		return DROP_FRAG_OVERLAP;
	}
	return DROP_NONE;
}

/* RFC 3168 5.3: CE on any fragment marks the packet; a mix of Not-ECT and CE is discarded. */
static void note_ecn(struct reasm *q, uint8_t tos)
{
	q->ecn_or |= (uint8_t)(1u << (tos & 3));
}

static bool ecn_mix_bad(const struct reasm *q)
{
	return (q->ecn_or & 1) && (q->ecn_or & 8);
}

/* Adds the data of @more to @to: by reference, or copied when slots run out. */
static bool gather(struct pkt *to, struct list *rest)
{
	struct pkt *pkt;
	unsigned slots = to->nfrags;

	list_for_each_entry(pkt, rest, link) slots += pkt->nfrags + 1u;
	if (slots <= PKT_FRAGS) {
		while ((pkt = list_pop_entry(rest, struct pkt, link)))
			if (!pkt_join(to, pkt)) {
				pkt_free(pkt);
				return false;
			}
		return true;
	}

	struct pkt_block *b = NULL;
	uint32_t used = 0;
	bool ok = true;

	while (ok && (pkt = list_pop_entry(rest, struct pkt, link))) {
		uint32_t done = 0;

		while (ok && done < pkt->len) {
			if (!b || used == b->cap) {
				pkt_block_unref(b);
				b = pkt_block_new(to->pool, PKT_BLOCK_LARGE);
				used = 0;
				if (!b) {
					ok = false;
					break;
				}
			}

			uint32_t n = MIN(pkt->len - done, b->cap - used);

			pkt_read(pkt, done, b->data + used, n);
			ok = pkt_append(to, b, used, n);
			used += n;
			done += n;
		}
		pkt_free(pkt);
	}
	pkt_block_unref(b);
	return ok;
}

/* All is here: makes one packet of it. */
static struct pkt *finish(struct reasm *q)
{
	struct ip *ip = q->ip;
	struct pkt *whole = list_pop_entry(&q->frags, struct pkt, link);
	bool v4 = q->src.family == AF_INET;

	whole->ip.reassembled = true;
	whole->ip.frag_max = (uint16_t)q->largest;
	whole->ip.proto = q->next;
	if (q->ecn_or & 8)
		whole->ip.tos |= 3;
	whole->offload = (struct net_offload){0};
	if (ecn_mix_bad(q) || !gather(whole, &q->frags)) {
		count_fail(ip, q->src.family);
		core_drop(ip->core, whole, DROP_NO_MEMORY);
		reasm_free(q, DROP_NO_MEMORY);
		return NULL;
	}
	if (v4)
		MIB_INC(ip->core, Ip_ReasmOKs);
	else
		MIB_INC(ip->core, Ip6_ReasmOKs);
	reasm_free(q, DROP_NONE);
	return whole;
}

static struct pkt *discard(struct ip *ip, struct reasm *q, struct pkt *pkt, enum drop why)
{
	bool kill = why == DROP_FRAG_OVERLAP || why == DROP_FRAG_TOO_LONG ||
		    why == DROP_FRAG_LIMIT || why == DROP_FRAG_MALFORMED;

	core_drop(ip->core, pkt, why);
	if (kill && q) {
		count_fail(ip, q->src.family);
		reasm_free(q, why);
	}
	return NULL;
}

struct pkt *reasm_input(struct ip *ip, struct link *link, struct pkt *pkt,
			const struct reasm_in *in)
{
	uint64_t h = reasm_hash(ip, in);
	struct reasm *q = reasm_find(ip, h, in);
	struct list *after = NULL;
	enum drop why;

	if (in->src.family == AF_INET)
		MIB_INC(ip->core, Ip_ReasmReqds);
	else
		MIB_INC(ip->core, Ip6_ReasmReqds);
	if (!q)
		q = reasm_new(ip, link, h, in);
	if (!q)
		return discard(ip, NULL, pkt, DROP_NO_MEMORY);
	why = check_bounds(q, in, pkt->len);
	if (why == DROP_FRAG_MALFORMED && in->src.family == AF_INET6 && pkt->len)
		icmp6_error(ip, pkt, ICMP6_PARAM, 0, 4); /* RFC 8200 4.5: the payload length */
	if (why == DROP_NONE)
		why = find_place(q, in->off, in->off + pkt->len, &after);
	if (why == DROP_NONE && q->count >= ip->core->lim.reasm_frags)
		why = DROP_FRAG_LIMIT;
	if (why != DROP_NONE)
		return discard(ip, q, pkt, why);

	*cb(pkt) = (struct frag_cb){in->off, pkt_truesize(pkt)};
	list_insert_after(after, &pkt->link);
	q->count++;
	q->have += pkt->len;
	q->bytes += cb(pkt)->truesize;
	ip->reasm.bytes += cb(pkt)->truesize;
	q->largest = MAX(q->largest, MIN(pkt->len + pkt->ip.hdr_len, 65535u));
	note_ecn(q, pkt->ip.tos);
	if (!in->off)
		q->next = in->proto;
	if (q->total && q->have == q->total)
		return finish(q);
	while (ip->reasm.bytes > memory_limit(ip, in->src.family) && ip->reasm.count)
		evict_oldest(ip);
	return NULL;
}

void reasm_flush(struct ip *ip)
{
	while (ip->reasm.count)
		reasm_free(list_first_entry(&ip->reasm.age, struct reasm, age), DROP_FRAG_TIMEOUT);
}
