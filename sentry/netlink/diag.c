/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_SOCK_DIAG: dispatch, and the sockets of AF_INET and AF_INET6 (ss(8)). */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns.h"
#include "netlink/diag.h"
#include "netstack/diag.h"
#include "netstack/socket.h"

#define TCP_INFO_ROOM 512

/* A request in the current form. */
struct want {
	int family, protocol;
	uint8_t ext;
	uint32_t states;
	struct inet_diag_sockid id;
	const uint8_t *filter;
	size_t filter_len;
};

static uint32_t opt_u32(struct net_stack *stack, net_sock_id id, int level, int name)
{
	uint32_t v = 0;
	socklen_t len = sizeof(v);

	if (!id || net_sock_getopt(stack, id, level, name, &v, &len) < 0)
		return 0;
	return v;
}

static bool is_v6(const struct net_sock_info *s)
{
	return s->family == AF_INET6;
}

static void put_addr(__be32 to[4], const struct net_sock_info *s, const struct net_addr *a)
{
	memset(to, 0, 16);
	if (is_v6(s) && a->family == AF_INET) {
		to[2] = htonl(0xffff);
		to[3] = a->word[0];
	} else {
		memcpy(to, a->bytes, is_v6(s) ? 16 : 4);
	}
}

/* Cookies tell sockets apart: the inode, or for what has no inode any more, its tuple. */
static uint64_t cookie_of(const struct net_sock_info *s)
{
	if (s->inode)
		return s->inode;
	return (uint64_t)1 << 63 | (uint64_t)s->local.port << 48 | (uint64_t)s->remote.port << 32 |
	       s->remote.addr.word[0];
}

static struct inet_diag_sockid sockid_of(const struct net_sock_info *s, net_link_id bound)
{
	struct inet_diag_sockid id = { .idiag_sport = htons(s->local.port),
				       .idiag_dport = htons(s->remote.port),
				       .idiag_if = (uint32_t)bound };
	uint64_t cookie = cookie_of(s);

	put_addr(id.idiag_src, s, &s->local.addr);
	put_addr(id.idiag_dst, s, &s->remote.addr);
	id.idiag_cookie[0] = (uint32_t)cookie;
	id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
	return id;
}

static void put_skmeminfo(struct nl_out *o, struct net_stack *stack, const struct net_sock_info *s)
{
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(mem);

	if (net_sock_getopt(stack, s->sock, SOL_SOCKET, SO_MEMINFO, mem, &len) < 0) {
		mem[SK_MEMINFO_RMEM_ALLOC] = s->state == TCP_LISTEN ? 0 : s->rx_queue;
		mem[SK_MEMINFO_WMEM_QUEUED] = s->state == TCP_LISTEN ? 0 : s->tx_queue;
		mem[SK_MEMINFO_RCVBUF] = opt_u32(stack, s->sock, SOL_SOCKET, SO_RCVBUF);
		mem[SK_MEMINFO_SNDBUF] = opt_u32(stack, s->sock, SOL_SOCKET, SO_SNDBUF);
		mem[SK_MEMINFO_DROPS] = s->drops;
	}
	nl_put(o, INET_DIAG_SKMEMINFO, mem, sizeof(mem));
}

static void put_tcp(struct nl_out *o, struct net_stack *stack, const struct net_sock_info *s, uint8_t ext)
{
	uint8_t buf[TCP_INFO_ROOM];
	char name[16] = "";
	socklen_t len = sizeof(buf);

	if (ext & 1 << (INET_DIAG_INFO - 1) &&
	    net_sock_getopt(stack, s->sock, IPPROTO_TCP, TCP_INFO, buf, &len) == 0)
		nl_put(o, INET_DIAG_INFO, buf, len);
	len = sizeof(name) - 1;
	if (ext & 1 << (INET_DIAG_CONG - 1) &&
	    net_sock_getopt(stack, s->sock, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0)
		nl_put_str(o, INET_DIAG_CONG, name);
	len = sizeof(buf);
	if (ext & 1 << (INET_DIAG_VEGASINFO - 1) &&
	    net_sock_getopt(stack, s->sock, IPPROTO_TCP, TCP_CC_INFO, buf, &len) == 0 && len > 0)
		nl_put(o, len == 20 ? INET_DIAG_BBRINFO
			  : len == 16 && strcmp(name, "dctcp") == 0 ? INET_DIAG_DCTCPINFO
								    : INET_DIAG_VEGASINFO,
		       buf, len);
}

static void put_extensions(struct nl_req *rq, struct net_stack *stack, const struct net_sock_info *s,
			   const struct want *w, uint32_t mark)
{
	struct nl_out *o = &rq->out;
	struct inet_diag_meminfo mem = { .idiag_rmem = s->state == TCP_LISTEN ? 0 : s->rx_queue,
					 .idiag_wmem = s->state == TCP_LISTEN ? 0 : s->tx_queue };
	uint32_t ready = net_sock_poll(stack, s->sock);

	/* RCV_SHUTDOWN 1, SEND_SHUTDOWN 2: as far as readiness tells. */
	nl_put_u8(o, INET_DIAG_SHUTDOWN,
		  (uint8_t)((ready & 0x2000 ? 1 : 0) | (ready & 0x10 ? 2 : 0)));
	if (w->ext & 1 << (INET_DIAG_TOS - 1))
		nl_put_u8(o, INET_DIAG_TOS, (uint8_t)opt_u32(stack, s->sock, IPPROTO_IP, IP_TOS));
	if (is_v6(s)) {
		if (w->ext & 1 << (INET_DIAG_TCLASS - 1))
			nl_put_u8(o, INET_DIAG_TCLASS,
				  (uint8_t)opt_u32(stack, s->sock, IPPROTO_IPV6, IPV6_TCLASS));
		if (s->state == TCP_LISTEN || s->state == TCP_CLOSE)
			nl_put_u8(o, INET_DIAG_SKV6ONLY,
				  (uint8_t)opt_u32(stack, s->sock, IPPROTO_IPV6, IPV6_V6ONLY));
	}
	if (nl_need_admin(rq) == 0)
		nl_put_u32(o, INET_DIAG_MARK, mark);
	if (w->ext & 1 << (INET_DIAG_MEMINFO - 1))
		nl_put(o, INET_DIAG_MEMINFO, &mem, sizeof(mem));
	if (w->ext & 1 << (INET_DIAG_SKMEMINFO - 1))
		put_skmeminfo(o, stack, s);
	if (s->protocol == IPPROTO_TCP)
		put_tcp(o, stack, s, w->ext);
	if (w->protocol == IPPROTO_RAW)
		nl_put_u8(o, INET_DIAG_PROTOCOL, (uint8_t)s->protocol);
}

static void put_sock(struct nl_req *rq, struct net_stack *stack, const struct net_sock_info *s,
		     const struct want *w, const struct diag_entry *e)
{
	struct inet_diag_msg m = {
		.idiag_family = (uint8_t)s->family,
		.idiag_state = s->state,
		.idiag_timer = s->timer_active,
		.idiag_retrans = (uint8_t)(s->timer_active == 2 || s->timer_active == 4 ? s->probes
										       : s->retransmits),
		.id = sockid_of(s, e->bound),
		.idiag_expires = (uint32_t)(s->timer_left > 0 ? s->timer_left / NET_MS(1) : 0),
		.idiag_rqueue = s->rx_queue,
		.idiag_wqueue = s->tx_queue,
		.idiag_uid = s->uid,
		.idiag_inode = (uint32_t)s->inode,
	};

	nl_answer(rq, SOCK_DIAG_BY_FAMILY, &m, sizeof(m));
	if (s->sock)
		put_extensions(rq, stack, s, w, e->mark);
	nl_end(&rq->out);
}

/* The rows of a protocol. Freed by the caller. */
static size_t rows_of(struct net_stack *stack, int protocol, struct net_sock_info **ret)
{
	size_t n = net_info_socks(stack, protocol, NULL, 0);

	*ret = calloc(n + 1, sizeof(**ret));
	return *ret ? MIN(net_info_socks(stack, protocol, *ret, n), n) : 0;
}

static struct diag_entry entry_of(struct net_stack *stack, const struct net_sock_info *s)
{
	return (struct diag_entry){
		.info = s,
		.mark = opt_u32(stack, s->sock, SOL_SOCKET, SO_MARK),
		.bound = (net_link_id)opt_u32(stack, s->sock, SOL_SOCKET, SO_BINDTOIFINDEX),
	};
}

static bool selected(const struct want *w, const struct net_sock_info *s)
{
	return (w->family == AF_UNSPEC || w->family == s->family) && (w->states >> s->state & 1) &&
	       (!w->id.idiag_sport || w->id.idiag_sport == htons(s->local.port)) &&
	       (!w->id.idiag_dport || w->id.idiag_dport == htons(s->remote.port));
}

static int dump(struct nl_req *rq, const struct want *w)
{
	struct net_stack *stack = netns_lock(rq->sock->ns);
	struct net_sock_info *rows;
	size_t n = rows_of(stack, w->protocol, &rows);

	for (size_t i = 0; i < n; i++) {
		struct diag_entry e;

		if (!selected(w, &rows[i]))
			continue;
		e = entry_of(stack, &rows[i]);
		if (!w->filter_len || diag_filter_run(w->filter, w->filter_len, &e))
			put_sock(rq, stack, &rows[i], w, &e);
	}
	netns_unlock_query(rq->sock->ns);
	free(rows);
	return rows ? 0 : -ENOMEM;
}

static bool same_sock(const struct want *w, const struct net_sock_info *s)
{
	struct inet_diag_sockid id = sockid_of(s, 0);

	if (w->family != s->family || w->id.idiag_sport != id.idiag_sport ||
	    w->id.idiag_dport != id.idiag_dport || memcmp(w->id.idiag_src, id.idiag_src, 16) != 0 ||
	    memcmp(w->id.idiag_dst, id.idiag_dst, 16) != 0)
		return false;
	if (w->id.idiag_cookie[0] == INET_DIAG_NOCOOKIE && w->id.idiag_cookie[1] == INET_DIAG_NOCOOKIE)
		return true;
	return w->id.idiag_cookie[0] == id.idiag_cookie[0] && w->id.idiag_cookie[1] == id.idiag_cookie[1];
}

static int one(struct nl_req *rq, const struct want *w, bool destroy)
{
	struct net_stack *stack = netns_lock(rq->sock->ns);
	struct net_sock_info *rows;
	size_t n = rows_of(stack, w->protocol, &rows);
	int r = rows ? -ENOENT : -ENOMEM;

	for (size_t i = 0; i < n && r == -ENOENT; i++) {
		if (!same_sock(w, &rows[i]))
			continue;
		if (destroy) {
			r = rows[i].sock ? net_sock_destroy(stack, rows[i].sock) : -EOPNOTSUPP;
		} else {
			struct diag_entry e = entry_of(stack, &rows[i]);

			put_sock(rq, stack, &rows[i], w, &e);
			r = 0;
		}
	}
	netns_unlock(rq->sock->ns);
	free(rows);
	return r;
}

int diag_inet(struct nl_req *rq, bool destroy)
{
	struct nl_attr tb[INET_DIAG_REQ_MAX + 1];
	struct inet_diag_req_v2 q;
	struct want w;
	int r;

	if (rq->len < sizeof(q))
		return -EINVAL;
	memcpy(&q, rq->body, sizeof(q));
	r = nl_parse(rq, tb, INET_DIAG_REQ_MAX, rq->body + sizeof(q), rq->len - sizeof(q), NULL, false);
	if (r < 0)
		return r;
	w = (struct want){ .family = q.sdiag_family, .protocol = q.sdiag_protocol, .ext = q.idiag_ext,
			   .states = q.idiag_states, .id = q.id,
			   .filter = tb[INET_DIAG_REQ_BYTECODE].data,
			   .filter_len = tb[INET_DIAG_REQ_BYTECODE].len };
	if (tb[INET_DIAG_REQ_PROTOCOL].data)
		w.protocol = (int)nl_u32(&tb[INET_DIAG_REQ_PROTOCOL]);
	if (w.protocol != IPPROTO_TCP && w.protocol != IPPROTO_UDP && w.protocol != IPPROTO_UDPLITE &&
	    w.protocol != IPPROTO_RAW)
		return -ENOENT;
	if (destroy)
		return one(rq, &w, true);
	if (!rq->dump)
		return one(rq, &w, false);
	r = diag_filter_check(w.filter, w.filter_len);
	return r < 0 ? r : dump(rq, &w);
}

static int request(struct nl_req *rq)
{
	bool destroy = rq->hdr.nlmsg_type == SOCK_DESTROY;

	if (rq->hdr.nlmsg_type != SOCK_DIAG_BY_FAMILY && !destroy)
		return -EINVAL;
	if (destroy && nl_need_admin(rq) < 0)
		return -EPERM;
	switch (rq->body[0]) {
	case AF_INET:
	case AF_INET6:
		return diag_inet(rq, destroy);
	case AF_UNIX:
		return destroy ? -EOPNOTSUPP : diag_unix(rq);
	case AF_NETLINK:
		return destroy ? -EOPNOTSUPP : diag_netlink(rq);
	case AF_PACKET:
		return destroy ? -EOPNOTSUPP : diag_packet(rq);
	default:
		return rq->body[0] >= AF_MAX ? -EINVAL : -ENOENT;
	}
}

const struct nl_proto nl_diag = { .number = NETLINK_SOCK_DIAG, .groups = SKNLGRP_MAX,
				  .user_recv = true, .min_len = sizeof(struct sock_diag_req),
				  .request = request };
