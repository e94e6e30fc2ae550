/* SPDX-License-Identifier: Apache-2.0 */
/* From what an end sent to what its application did.
 *
 * TCP: a SYN is a connect(), a SYN|ACK of an answered SYN shows a listener, new bytes up to a PSH
 * are one write(), FIN is a shutdown(), RST an abortive close. Reading is not visible: the
 * application reads all there is. UDP: each datagram is a send(). Echo requests come from a ping.
 */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util/bytes.h"
#include "view.h"

/* A conversation, as seen from the played end. */
struct talk {
	struct net_endpoint peer;
	uint16_t port; /* of the played end */
	uint8_t proto;
	bool passive; /* the peer began */
	bool opened;  /* its beginning is in the capture (TCP: and was answered) */
	bool partial;
	bool isn_known, fin, aborted;
	uint32_t isn, peer_isn;
	uint32_t sent;	   /* bytes of the stream so far */
	size_t write;	   /* index of the action that still grows, or SIZE_MAX */
	uint8_t peer_opts; /* of its SYN */
	char name[SCRIPT_NAME];
	struct talk *next;
};

struct plan {
	struct script *script;
	const struct capture *capture;
	struct talk *talks;
	unsigned names;
	size_t partial;
	uint64_t listening[65536 / 64], bound[65536 / 64], names_given[65536 / 64];
};

enum { OPT_TS = 1, OPT_SACK = 2, OPT_WSCALE = 4 };

static bool bit_set(uint64_t *bits, uint16_t n)
{
	bool was = bits[n / 64] >> (n % 64) & 1;

	bits[n / 64] |= UINT64_C(1) << (n % 64);
	return was;
}

bool plan_sent(const struct script *script, const struct frame *frame, enum frame_kind kind)
{
	struct net_addr src;
	struct view v;

	view_frame(&v, frame, kind);
	if (v.src_mac)
		return !memcmp(v.src_mac, script->link.mac, 6);
	if (!v.family_len)
		return false;
	src = view_addr(frame->bytes, v.src, v.addr_len);
	return script_plays(script, &src);
}

static int play_add(struct script *script, const struct net_addr *addr)
{
	if (!script_plays(script, addr) && script->nplay < SCRIPT_ADDRS)
		script->play[script->nplay++] = *addr;
	return 0;
}

/* The MAC address that goes with a played address. */
static void find_mac(struct script *script, const struct capture *capture)
{
	for (size_t i = 0; i < capture->n && !script->has_mac; i++) {
		const struct frame *frame = &capture->frames[i];
		struct net_addr src = {0};
		struct view v;

		view_frame(&v, frame, capture->kind);
		if (!v.src_mac)
			continue;
		if (v.family_len)
			src = view_addr(frame->bytes, v.src, v.addr_len);
		else if (v.arp_spa)
			src = view_addr(frame->bytes, v.arp_spa, 4);
		if (!src.family || !script_plays(script, &src))
			continue;
		memcpy(script->link.mac, v.src_mac, 6);
		script->has_mac = true;
	}
	/* It sent nothing: then it is whom unicast frames for its address go to. */
	for (size_t i = 0; i < capture->n && !script->has_mac; i++) {
		const struct frame *frame = &capture->frames[i];
		struct net_addr dst;
		struct view v;

		view_frame(&v, frame, capture->kind);
		if (!v.src_mac || !v.family_len)
			continue;
		dst = view_addr(frame->bytes, v.dst, v.addr_len);
		if (!script_plays(script, &dst) || (frame->bytes[0] & 1))
			continue;
		memcpy(script->link.mac, frame->bytes, 6);
		script->has_mac = true;
	}
}

/* All addresses that stand behind the played MAC address, if they are few: it is no router. */
static void other_addrs(struct script *script, const struct capture *capture)
{
	struct net_addr found[SCRIPT_ADDRS];
	size_t n = 0;

	for (size_t i = 0; i < capture->n; i++) {
		const struct frame *frame = &capture->frames[i];
		struct net_addr src;
		struct view v;
		bool known = false;

		view_frame(&v, frame, capture->kind);
		if (!v.src_mac || !v.family_len || memcmp(v.src_mac, script->link.mac, 6))
			continue;
		src = view_addr(frame->bytes, v.src, v.addr_len);
		for (size_t k = 0; k < n; k++)
			known |= found[k].family == src.family &&
				 !memcmp(found[k].bytes, src.bytes, 16);
		if (known || (!src.quad[0] && !src.quad[1]))
			continue;
		if (n == SCRIPT_ADDRS)
			return;
		found[n++] = src;
	}
	for (size_t k = 0; k < n; k++)
		play_add(script, &found[k]);
}

/* The ends of the first conversation: who spoke first. */
static bool first_talk(const struct capture *capture, bool syn, struct net_addr *client,
		       struct net_addr *server)
{
	for (size_t i = 0; i < capture->n; i++) {
		const struct frame *frame = &capture->frames[i];
		struct view v;

		view_frame(&v, frame, capture->kind);
		if (!v.ports || (syn && (!v.tcp || (v.flags & (VIEW_SYN | VIEW_ACK)) != VIEW_SYN)))
			continue;
		*client = view_addr(frame->bytes, v.src, v.addr_len);
		*server = view_addr(frame->bytes, v.dst, v.addr_len);
		return true;
	}
	return false;
}

int plan_choose(struct script *script, const struct capture *capture, enum plan_side side,
		struct problem *problem)
{
	struct net_addr client, server;

	if (side != PLAN_PLAY) {
		if (!first_talk(capture, true, &client, &server) &&
		    !first_talk(capture, false, &client, &server))
			return problem_set(problem, -EINVAL,
					   "the capture holds no TCP or UDP packet: say which "
					   "address the stack plays with --play");
		play_add(script, side == PLAN_CLIENT ? &client : &server);
	}
	if (!script->nplay && !script->link.autoconf)
		return problem_set(
			problem, -EINVAL,
			"which end shall the stack play? --side client, --side server or "
			"--play ADDRESS");
	if (capture->kind == FRAME_ETHER) {
		find_mac(script, capture);
		if (!script->has_mac)
			return problem_set(problem, -EINVAL,
					   "no packet from or to a played address in the capture");
		if (side != PLAN_PLAY)
			other_addrs(script, capture);
	}
	return 0;
}

/* Whether the capture holds an answer to the question for this neighbour. */
static bool resolved_inside(const struct capture *capture, const struct net_addr *addr)
{
	for (size_t i = 0; i < capture->n; i++) {
		const struct frame *frame = &capture->frames[i];
		const uint8_t *b = frame->bytes;
		struct view v;

		view_frame(&v, frame, capture->kind);
		if (addr->family == AF_INET && v.arp_spa && load_be16(b + v.arp_spa - 8) == 2 &&
		    !memcmp(b + v.arp_spa, addr->v4, 4))
			return true;
		if (addr->family == AF_INET6 && v.proto == 58 && v.l4 && v.l4 + 24 <= frame->have &&
		    b[v.l4] == 136 && !memcmp(b + v.l4 + 8, addr->v6, 16))
			return true;
	}
	return false;
}

static void add_neigh(struct script *script, const struct capture *capture,
		      const struct net_addr *addr, const uint8_t *mac)
{
	struct net_neigh *neigh;

	if ((addr->family == AF_INET && (!addr->v4[0] || addr->v4[0] >= 224)) ||
	    (addr->family == AF_INET6 && !addr->quad[0]))
		return;
	for (size_t i = 0; i < script->nneighs; i++)
		if (script->neighs[i].addr.family == addr->family &&
		    !memcmp(script->neighs[i].addr.bytes, addr->bytes, 16))
			return;
	if (script->nneighs == ARRAY_LEN(script->neighs) || resolved_inside(capture, addr))
		return;
	neigh = &script->neighs[script->nneighs++];
	memset(neigh, 0, sizeof(*neigh));
	neigh->addr = *addr;
	neigh->state = NET_NEIGH_PERMANENT;
	memcpy(neigh->mac, mac, 6);
}

/* Addresses, and everything on link: who is behind a gateway shows by its MAC address. */
static void derive_config(struct plan *plan)
{
	struct script *script = plan->script;

	script->link.kind = plan->capture->kind == FRAME_ETHER ? NET_LINK_ETHER : NET_LINK_IP;
	if (script->naddrs || script->link.autoconf)
		return;
	for (size_t i = 0; i < script->nplay; i++) {
		const struct net_addr *addr = &script->play[i];
		bool local = addr->family == AF_INET6 && addr->v6[0] == 0xfe;

		script->addrs[script->naddrs++] = (struct net_ifaddr){
			.addr = *addr,
			.prefix_len = addr->family == AF_INET ? 32
				      : local		      ? 64
							      : 128,
		};
	}
	if (!script->nroutes) {
		script->routes[script->nroutes++] = (struct net_route){.dst = {.family = AF_INET}};
		script->routes[script->nroutes++] = (struct net_route){.dst = {.family = AF_INET6}};
	}
	for (size_t i = 0; i < plan->capture->n; i++) {
		const struct frame *frame = &plan->capture->frames[i];
		struct net_addr src;
		struct view v;

		view_frame(&v, frame, plan->capture->kind);
		if (!v.src_mac || !v.family_len || plan_sent(script, frame, plan->capture->kind))
			continue;
		src = view_addr(frame->bytes, v.src, v.addr_len);
		add_neigh(script, plan->capture, &src, v.src_mac);
	}
}

static struct talk *talk_get(struct plan *plan, const struct view *v, const uint8_t *b, bool sent)
{
	struct net_endpoint peer = {
		.addr = view_addr(b, sent ? v->dst : v->src, v->addr_len),
		.port = sent ? v->dport : v->sport,
	};
	uint16_t port = sent ? v->sport : v->dport;
	struct talk *talk;

	for (talk = plan->talks; talk; talk = talk->next)
		if (talk->proto == v->proto && talk->port == port && talk->peer.port == peer.port &&
		    talk->peer.addr.family == peer.addr.family &&
		    !memcmp(talk->peer.addr.bytes, peer.addr.bytes, 16))
			break;
	/* A new SYN after the end is another conversation. */
	if (talk && v->tcp && (v->flags & (VIEW_SYN | VIEW_ACK)) == VIEW_SYN &&
	    (talk->fin || talk->aborted || talk->partial) &&
	    v->seq != (sent ? talk->isn : talk->peer_isn))
		talk = NULL;
	if (talk)
		return talk;
	talk = calloc(1, sizeof(*talk));
	if (!talk)
		return NULL;
	talk->peer = peer;
	talk->port = port;
	talk->proto = v->proto;
	talk->passive = !sent;
	talk->write = SIZE_MAX;
	talk->next = plan->talks;
	plan->talks = talk;
	return talk;
}

static uint8_t syn_options(const struct frame *frame, const struct view *v, uint32_t *mss)
{
	uint8_t has = 0;
	size_t at = v->l4 + 20, end = MIN(v->payload, frame->have);
	const uint8_t *b = frame->bytes;

	*mss = 0;
	while (at < end && b[at]) {
		size_t len = b[at] == 1 ? 1 : at + 1 < end ? b[at + 1] : 0;

		if (!len || at + len > end)
			break;
		if (b[at] == 2 && len == 4)
			*mss = load_be16(b + at + 2);
		has |= b[at] == 3 ? OPT_WSCALE : b[at] == 4 ? OPT_SACK : b[at] == 8 ? OPT_TS : 0;
		at += len;
	}
	return has;
}

/* What the played end's SYN shows of its settings. @offered: what it could have agreed to. */
static void derive_tunables(struct script *script, const struct frame *frame, const struct view *v,
			    uint8_t offered)
{
	struct net_tunables *t = &script->net.tunables;
	uint32_t mss;
	uint8_t has = syn_options(frame, v, &mss);
	uint32_t headers = v->family_len == 4 ? 40 : 60;

	if (offered & OPT_TS)
		t->tcp_timestamps = !!(has & OPT_TS);
	if (offered & OPT_SACK)
		t->tcp_sack = !!(has & OPT_SACK);
	if (offered & OPT_WSCALE)
		t->tcp_window_scaling = !!(has & OPT_WSCALE);
	if (!(v->flags & VIEW_ACK) && (v->flags & 0xc0) == 0xc0)
		t->tcp_ecn = 1;
	/* IPv6 wants 1280 of every link. */
	if (mss >= 1240 && mss + headers <= 65535)
		script->link.mtu = mss + headers;
}

static struct action *derive_action(struct plan *plan, enum act act, size_t index, const char *sock)
{
	struct action *a = script_add(plan->script, act, plan->capture->frames[index].at, sock);

	if (a)
		a->before = index;
	return a;
}

/* Whether the played end asks in this frame for the neighbour @addr. */
static bool asks_for(const struct plan *plan, const struct frame *frame,
		     const struct net_addr *addr)
{
	const uint8_t *b = frame->bytes;
	struct view v;

	if (!plan_sent(plan->script, frame, plan->capture->kind))
		return false;
	view_frame(&v, frame, plan->capture->kind);
	if (addr->family == AF_INET)
		return v.arp_spa && load_be16(b + v.arp_spa - 8) == 1 &&
		       !memcmp(b + v.arp_spa + 10, addr->v4, 4);
	return v.proto == 58 && v.l4 && v.l4 + 24 <= frame->have && b[v.l4] == 135 &&
	       !memcmp(b + v.l4 + 8, addr->v6, 16);
}

/* A first packet waited for its neighbour: the application acted when the question was sent. */
static void act_early(const struct plan *plan, struct action *a)
{
	for (size_t i = a->before; i-- > 0;) {
		struct view v;

		view_frame(&v, &plan->capture->frames[i], plan->capture->kind);
		if (asks_for(plan, &plan->capture->frames[i], &a->peer.addr)) {
			a->at = plan->capture->frames[i].at;
			a->before = i;
			return;
		}
		/* Something went there before: then it was not waited for. */
		if (v.family_len && v.proto != 58) {
			struct net_addr dst =
				view_addr(plan->capture->frames[i].bytes, v.dst, v.addr_len);

			if (!memcmp(dst.bytes, a->peer.addr.bytes, 16))
				return;
		}
	}
}

static int append_data(struct action *a, const uint8_t *bytes, size_t have, size_t len)
{
	if (a->len + len > a->cap) {
		size_t cap = 2 * (a->len + len);
		uint8_t *more = realloc(a->data, cap);

		if (!more)
			return -ENOMEM;
		a->data = more;
		a->cap = cap;
	}
	memcpy(a->data + a->len, bytes, have);
	memset(a->data + a->len + have, 0, len - have);
	a->len += len;
	return 0;
}

static int derive_listen(struct plan *plan, struct talk *talk, size_t index)
{
	struct action *a;
	char name[SCRIPT_NAME];

	snprintf(talk->name, sizeof(talk->name), "c%u", ++plan->names);
	a = derive_action(plan, ACT_ACCEPT, index, talk->name);
	if (!a)
		return -ENOMEM;
	a->at = 0;
	a->before = 0;
	a->port = talk->port;
	a->peer = talk->peer;
	if (bit_set(plan->listening, talk->port))
		return 0;
	snprintf(name, sizeof(name), "l%u", talk->port);
	a = derive_action(plan, ACT_LISTEN, index, name);
	if (!a)
		return -ENOMEM;
	a->at = 0;
	a->before = 0;
	a->port = a->captured_port = talk->port;
	a->value = 4096;
	return 0;
}

static int tcp_opening(struct plan *plan, struct talk *talk, const struct view *v, size_t index)
{
	const struct frame *frame = &plan->capture->frames[index];
	struct action *a;

	if (!talk->isn_known) {
		talk->isn = v->seq;
		talk->isn_known = true;
		derive_tunables(plan->script, frame, v, talk->passive ? talk->peer_opts : 0xff);
	}
	if (talk->opened)
		return 0;
	talk->opened = true;
	if (talk->passive)
		return derive_listen(plan, talk, index);
	snprintf(talk->name, sizeof(talk->name), "c%u", ++plan->names);
	a = derive_action(plan, ACT_CONNECT, index, talk->name);
	if (!a)
		return -ENOMEM;
	a->peer = talk->peer;
	a->captured_port = talk->port;
	act_early(plan, a);
	return 0;
}

static int tcp_data(struct plan *plan, struct talk *talk, const struct view *v, size_t index)
{
	const struct frame *frame = &plan->capture->frames[index];
	uint32_t at = v->seq - talk->isn - 1;
	int32_t skip = (int32_t)(talk->sent - at);
	size_t have = v->payload_have, len = v->payload_len;
	struct action *a;
	int r = 0;

	if (skip >= (int32_t)len || (skip < 0 && skip < -(1 << 20)))
		return 0; /* sent before; or from another world */
	if (talk->write == SIZE_MAX) {
		a = derive_action(plan, ACT_WRITE, index, talk->name);
		if (!a)
			return -ENOMEM;
		talk->write = plan->script->n - 1;
	}
	a = &plan->script->actions[talk->write];
	if (skip < 0) { /* a packet that the capture lost */
		r = append_data(a, frame->bytes, 0, (size_t)-skip);
		skip = 0;
	}
	if (!r) {
		size_t known = have > (size_t)skip ? have - (size_t)skip : 0;

		r = append_data(a, frame->bytes + v->payload + (known ? (size_t)skip : 0), known,
				len - (size_t)skip);
	}
	talk->sent = at + (uint32_t)len;
	if (v->flags & VIEW_PSH)
		talk->write = SIZE_MAX;
	return r;
}

static int tcp_sent(struct plan *plan, struct talk *talk, const struct view *v, size_t index)
{
	struct action *a;
	int r = 0;

	if (v->flags & VIEW_SYN)
		return tcp_opening(plan, talk, v, index);
	if (!talk->opened || talk->aborted) {
		/* A reset in answer to something is the stack's own affair. */
		if (!(v->flags & VIEW_RST) && !talk->partial && !talk->aborted) {
			talk->partial = true;
			plan->partial++;
		}
		return 0;
	}
	if (v->payload_len && !talk->fin)
		r = tcp_data(plan, talk, v, index);
	if (!r && (v->flags & VIEW_FIN) && !talk->fin) {
		talk->fin = true;
		talk->write = SIZE_MAX;
		a = derive_action(plan, ACT_SHUTDOWN, index, talk->name);
		if (!a)
			return -ENOMEM;
		a->value = SHUT_WR;
	} else if (!r && (v->flags & VIEW_RST)) {
		a = derive_action(plan, talk->fin ? ACT_CLOSE : ACT_ABORT, index, talk->name);
		if (!a)
			return -ENOMEM;
		talk->aborted = true;
	}
	return r;
}

static int udp_sent(struct plan *plan, struct talk *talk, const struct view *v, size_t index)
{
	const struct frame *frame = &plan->capture->frames[index];
	struct action *a;
	char name[SCRIPT_NAME];

	snprintf(name, sizeof(name), "u%u", talk->port);
	if (!bit_set(plan->bound, talk->port)) {
		a = derive_action(plan, ACT_UDP, index, name);
		if (!a)
			return -ENOMEM;
		a->local.family = talk->peer.addr.family;
		a->captured_port = talk->port;
		if (talk->passive || talk->port < 1024) {
			a->port = talk->port;
			a->at = 0;
			a->before = 0;
		}
	}
	a = derive_action(plan, ACT_SEND, index, name);
	if (!a)
		return -ENOMEM;
	a->peer = talk->peer;
	act_early(plan, a);
	return append_data(a, frame->bytes + v->payload, v->payload_have, v->payload_len);
}

/* An echo request: the header goes through the ping socket too. */
static int echo_sent(struct plan *plan, const struct view *v, size_t index)
{
	const struct frame *frame = &plan->capture->frames[index];
	uint16_t id = load_be16(frame->bytes + v->l4 + 4);
	struct action *a;
	char name[SCRIPT_NAME];
	size_t have = frame->have - v->l4;

	snprintf(name, sizeof(name), "p%u%s", id, v->family_len == 4 ? "" : "v6");
	if (!bit_set(plan->names_given, id)) {
		a = derive_action(plan, ACT_PING, index, name);
		if (!a)
			return -ENOMEM;
		a->local.family = v->family_len == 4 ? AF_INET : AF_INET6;
		a->port = id;
	}
	a = derive_action(plan, ACT_SEND, index, name);
	if (!a)
		return -ENOMEM;
	a->peer.addr = view_addr(frame->bytes, v->dst, v->addr_len);
	act_early(plan, a);
	return append_data(a, frame->bytes + v->l4, MIN(have, v->l4_len), v->l4_len);
}

static int derive_frame(struct plan *plan, size_t index)
{
	const struct frame *frame = &plan->capture->frames[index];
	bool sent = plan_sent(plan->script, frame, plan->capture->kind);
	struct net_addr other;
	struct talk *talk;
	struct view v;
	uint32_t mss;

	view_frame(&v, frame, plan->capture->kind);
	if (sent && v.l4 && v.l4_len >= 8 && v.l4 + 8 <= frame->have &&
	    ((v.proto == 1 && frame->bytes[v.l4] == 8) ||
	     (v.proto == 58 && frame->bytes[v.l4] == 128)))
		return echo_sent(plan, &v, index);
	if (!v.ports || v.fragment || (v.proto == 6 && !v.tcp))
		return 0;
	other = view_addr(frame->bytes, sent ? v.src : v.dst, v.addr_len);
	if (!script_plays(plan->script, &other))
		return 0;
	talk = talk_get(plan, &v, frame->bytes, sent);
	if (!talk)
		return -ENOMEM;
	if (v.proto == 17)
		return sent ? udp_sent(plan, talk, &v, index) : 0;
	if (sent)
		return tcp_sent(plan, talk, &v, index);
	if ((v.flags & (VIEW_SYN | VIEW_ACK)) == VIEW_SYN) {
		talk->peer_isn = v.seq;
		talk->peer_opts = syn_options(frame, &v, &mss);
	}
	return 0;
}

int plan_derive(struct script *script, const struct capture *capture, size_t *partial)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	struct talk *talk;
	int r = 0;

	if (!plan)
		return -ENOMEM;
	plan->script = script;
	plan->capture = capture;
	derive_config(plan);
	for (size_t i = 0; script->derive && i < capture->n && !r; i++)
		r = derive_frame(plan, i);
	*partial = plan->partial;
	while ((talk = plan->talks)) {
		plan->talks = talk->next;
		free(talk);
	}
	free(plan);
	return r;
}
