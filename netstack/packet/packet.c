/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets: what the taps of the links give to them, receiving, sending. */
#include "packet/packet.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "ip/ip.h"
#include "pkt/iov.h"
#include "sock/filter.h"
#include "sock/socks.h"
#include "util/assert.h"

#define NAME_MIN 12 /* up to sll_addr */
#define VNET_MAX 12

STATIC_ASSERT(sizeof(struct packet_cb) <= 24, "dgram.c has the last 8 bytes of pkt->cb");

static struct packet_cb *cb_of(struct pkt *pkt)
{
	return (struct packet_cb *)(void *)pkt->cb;
}

static uint16_t hatype(const struct link *link)
{
	return link->kind == NET_LINK_LOOPBACK ? ARPHRD_LOOPBACK
	       : link->kind == NET_LINK_ETHER  ? ARPHRD_ETHER
					       : ARPHRD_NONE;
}

/* --- life ------------------------------------------------------------------------------------------ */

static int packet_open(struct sock *sk)
{
	struct packet_sock *ps = packet_of(sk);

	list_init(&ps->members);
	ps->proto = __builtin_bswap16((uint16_t)sk->protocol);
	sk->socks->packets++;
	list_push_back(&sk->socks->packet->all, &ps->all);
	return dgram_open(sk);
}

static void packet_close(struct sock *sk)
{
	struct packet_sock *ps = packet_of(sk);

	fanout_leave(ps);
	packet_members_drop(ps);
	packet_ring_fini(ps, &ps->rx);
	packet_ring_fini(ps, &ps->tx);
	list_remove(&ps->all);
	sk->socks->packets--;
	dgram_close(sk);
}

static int read_name(struct sockaddr_ll *ret, const struct sockaddr *name, socklen_t len)
{
	if (len < sizeof(*ret))
		return -EINVAL;
	memcpy(ret, name, sizeof(*ret));
	return ret->sll_family == AF_PACKET ? 0 : -EINVAL;
}

static int packet_bind(struct sock *sk, const struct sockaddr *name, socklen_t len)
{
	struct packet_sock *ps = packet_of(sk);
	struct sockaddr_ll sll;
	int r = read_name(&sll, name, len);

	if (r < 0)
		return r;
	if (ps->fanout)
		return -EINVAL;
	if (sll.sll_ifindex && !link_find(sk->ip->links, sll.sll_ifindex))
		return -ENODEV;
	ps->link = sll.sll_ifindex;
	if (sll.sll_protocol)
		ps->proto = __builtin_bswap16(sll.sll_protocol);
	return 0;
}

static int packet_name(struct sock *sk, bool peer, struct sockaddr *name, socklen_t *len)
{
	struct packet_sock *ps = packet_of(sk);
	struct link *link = link_find(sk->ip->links, ps->link);
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = __builtin_bswap16(ps->proto),
		.sll_ifindex = ps->link,
	};
	socklen_t full = NAME_MIN;

	if (peer)
		return -EOPNOTSUPP;
	if (link) {
		sll.sll_hatype = hatype(link);
		sll.sll_halen = 6;
		memcpy(sll.sll_addr, link->mac, 6);
		full += 6;
	}
	memcpy(name, &sll, MIN(*len, full));
	*len = full;
	return 0;
}

/* --- receiving ------------------------------------------------------------------------------------- */

/* A frame that passes a link. */
struct tapped {
	struct link *link;
	struct pkt *pkt;
	struct packet_cb cb;
	struct eth_hdr eth;
	uint32_t l2; /* bytes of the link header in the view */
};

static uint8_t kind_of(const struct link *link, const struct eth_hdr *eth, bool out)
{
	if (out)
		return PACKET_OUTGOING;
	if (link->kind != NET_LINK_ETHER)
		return PACKET_HOST;
	if (eth_is_broadcast(eth->dst))
		return PACKET_BROADCAST;
	if (eth_is_multi(eth->dst))
		return PACKET_MULTICAST;
	return memcmp(eth->dst, link->mac, 6) ? PACKET_OTHERHOST : PACKET_HOST;
}

static bool examine(struct tapped *t, struct link *link, struct pkt *pkt, bool out)
{
	uint8_t head[ETH_HDR_LEN];
	struct rd in;

	*t = (struct tapped){.link = link, .pkt = pkt};
	if (link->kind == NET_LINK_ETHER) {
		if (pkt_read(pkt, 0, head, sizeof(head)) != sizeof(head))
			return false;
		rd_init(&in, head, sizeof(head));
		if (eth_parse(&t->eth, &in) != DROP_NONE)
			return false;
		t->l2 = ETH_HDR_LEN;
	} else {
		if (pkt_read(pkt, 0, head, 1) != 1)
			return false;
		t->eth.type = head[0] >> 4 == 6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4;
	}
	t->cb = (struct packet_cb){.proto = t->eth.type,
				   .type = kind_of(link, &t->eth, out),
				   .halen = link->kind == NET_LINK_IP ? 0 : 6,
				   .link = link->id};
	memcpy(t->cb.addr, t->eth.src, 6);
	return true;
}

static bool wants(const struct packet_sock *ps, const struct tapped *t)
{
	bool out = t->cb.type == PACKET_OUTGOING;

	if (ps->link && ps->link != t->link->id)
		return false;
	if (ps->proto != ETH_P_ALL && (out || ps->proto != t->cb.proto))
		return false;
	if (out && (ps->ignore_outgoing || t->pkt->charge == &ps->dg.sk.charge))
		return false;
	/* A device without promiscuity does not take what is for others. */
	return t->cb.type != PACKET_OTHERHOST || t->link->promisc || ps->dg.sk.socks->packet->promisc;
}

/* Runs the socket's filter over the frame. Returns how many bytes it wants of what it sees. */
static uint32_t filtered(struct packet_sock *ps, const struct tapped *t, struct pkt *view,
			 uint32_t net)
{
	struct filter_env env = {
		.pkt = view,
		.sk = &ps->dg.sk,
		.protocol = t->cb.proto,
		.pkttype = t->cb.type,
		.hatype = hatype(t->link),
		.link = t->link->id,
		.net_off = view->off + net,
		.ll_off = net ? view->off : t->l2 ? view->off - t->l2 : UINT32_MAX,
	};

	if (!ps->dg.sk.filter)
		return UINT32_MAX;
	return filter_run(&env, ps->dg.sk.filter->insns);
}

/* The loopback has no link header on the inside; its users see one of zeros, as on Linux. */
static bool add_lo_header(struct pkt *pkt, uint16_t type)
{
	struct eth_hdr eth = {.type = type};
	uint8_t *at = pkt_push(pkt, ETH_HDR_LEN);
	struct wr out;

	if (!at)
		return false;
	wr_init(&out, at, ETH_HDR_LEN);
	eth_emit(&out, &eth);
	return true;
}

static void give(struct packet_sock *ps, const struct tapped *t)
{
	struct sock *sk = &ps->dg.sk;
	bool raw = sk->type == SOCK_RAW;
	struct packet_cb cb = t->cb;
	struct pkt *copy;
	uint32_t snap;

	if (raw && t->link->kind == NET_LINK_ETHER) { /* the filter first: most frames end there */
		snap = filtered(ps, t, t->pkt, ETH_HDR_LEN);
		if (!snap)
			return;
		copy = pkt_clone(t->pkt);
	} else {
		copy = pkt_clone(t->pkt);
		if (copy && raw && t->link->kind == NET_LINK_LOOPBACK &&
		    !add_lo_header(copy, cb.proto))
			copy = pkt_free(copy);
		if (copy && !raw)
			pkt_pull(copy, t->l2);
		snap = copy ? filtered(ps, t, copy,
				       raw && t->link->kind == NET_LINK_LOOPBACK ? ETH_HDR_LEN : 0)
			    : 0;
		if (copy && !snap) {
			pkt_free(copy);
			return;
		}
	}
	if (!copy) {
		ps->drops++;
		return;
	}
	cb.orig_len = copy->len;
	cb.net = (uint16_t)(raw && t->link->kind != NET_LINK_IP ? ETH_HDR_LEN : 0);
	copy->rx_time = sk->core->now;
	copy->ip.link = t->link->id;
	if (ps->rx.mem) {
		if (packet_ring_put(ps, copy, &cb, snap))
			ps->packets++;
		else
			ps->drops++;
		pkt_free(copy);
		return;
	}
	if (ps->dg.rx_bytes + pkt_truesize(copy) > (uint32_t)sk->opt.rcvbuf) {
		ps->drops++;
		sk->drops++;
		pkt_free(copy);
		return;
	}
	if (snap < copy->len)
		pkt_trim(copy, snap);
	*cb_of(copy) = cb;
	ps->packets++;
	dgram_deliver(sk, copy);
}

/* Borrows @pkt, view at the first byte of the frame. */
static void packet_tap(void *arg, struct link *link, struct pkt *pkt, bool out)
{
	struct packet *p = arg;
	struct packet_sock *ps;
	struct fanout *f;
	struct tapped t;

	if (list_empty(&p->all) || !examine(&t, link, pkt, out))
		return;
	list_for_each_entry(ps, &p->all, all)
	{
		if (!ps->fanout && wants(ps, &t))
			give(ps, &t);
	}
	list_for_each_entry(f, &p->fanouts, all)
	{
		if (wants(f->socks[0], &t))
			give(fanout_choose(f, pkt, t.l2), &t);
	}
}

static void put_aux(struct pkt *pkt, struct net_ctl *ctl)
{
	const struct packet_cb *cb = cb_of(pkt);

	ctl->has |= NET_CTL_AUXDATA;
	ctl->aux = (struct net_ctl_aux){.status = TP_STATUS_USER,
					.len = cb->orig_len,
					.snaplen = pkt->len,
					.net = cb->net};
	if (pkt->offload.flags & NET_OFFLOAD_NEEDS_CSUM)
		ctl->aux.status |= TP_STATUS_CSUMNOTREADY;
}

/* struct virtio_net_hdr in front of the frame (PACKET_VNET_HDR). */
static void vnet_fill(uint8_t ret[VNET_MAX], const struct pkt *pkt)
{
	uint16_t v[4] = {pkt->offload.gso_type ? pkt->offload.hdr_len : 0, pkt->offload.gso_size, 0, 0};

	memset(ret, 0, VNET_MAX);
	if (pkt->offload.flags & NET_OFFLOAD_NEEDS_CSUM) {
		ret[0] = 1;
		v[2] = pkt->offload.csum_start;
		v[3] = pkt->offload.csum_offset;
	} else if (pkt->offload.flags & NET_OFFLOAD_DATA_VALID) {
		ret[0] = 2;
	}
	ret[1] = pkt->offload.gso_type;
	memcpy(ret + 2, v, sizeof(v));
}

static ssize_t packet_recv(struct sock *sk, struct net_msg *msg, int flags)
{
	struct packet_sock *ps = packet_of(sk);
	struct iov it = iov_start(msg->iov, msg->iov_len);
	uint8_t vnet[VNET_MAX];
	ssize_t r = 0;
	struct pkt *pkt = dgram_recv_start(sk, msg, flags, &r);
	size_t len, n, head = ps->vnet_hdr_sz;

	if (!pkt)
		return r;
	if (head && iov_total(msg->iov, msg->iov_len) < head)
		return -EINVAL;
	len = pkt->len;
	if (head) {
		vnet_fill(vnet, pkt);
		iov_scatter(&it, vnet, head);
	}
	n = pkt_to_iov(pkt, 0, len, &it);
	if (n < len)
		msg->flags |= MSG_TRUNC;

	const struct packet_cb *cb = cb_of(pkt);
	struct link *link = link_find(sk->ip->links, cb->link);
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = __builtin_bswap16(cb->proto),
		.sll_ifindex = cb->link,
		.sll_hatype = link ? hatype(link) : 0,
		.sll_pkttype = cb->type,
		.sll_halen = cb->halen,
	};

	memcpy(sll.sll_addr, cb->addr, sizeof(sll.sll_addr));
	if (msg->name)
		memcpy(msg->name, &sll, MIN((size_t)msg->name_len, sizeof(sll)));
	msg->name_len = sizeof(sll);
	sk->stamp = pkt->rx_time;
	sock_put_stamps(sk, pkt->rx_time, &msg->ctl);
	if (sk->opt.rxq_ovfl && sk->drops) {
		msg->ctl.has |= NET_CTL_RXQ_OVFL;
		msg->ctl.rxq_ovfl = sk->drops;
	}
	if (ps->auxdata)
		put_aux(pkt, &msg->ctl);
	if (!(flags & MSG_PEEK))
		dgram_consume(sk, pkt);
	return (ssize_t)((flags & MSG_TRUNC ? len : n) + head);
}

/* --- sending --------------------------------------------------------------------------------------- */

struct target {
	struct link *link;
	uint16_t proto; /* 0: as the frame says */
	uint8_t addr[8];
};

static int find_target(struct packet_sock *ps, struct target *to, const struct net_msg *msg)
{
	struct sockaddr_ll sll;
	net_link_id id = ps->link;

	*to = (struct target){.proto = ps->proto};
	if (msg->name && msg->name_len) {
		if (msg->name_len < NAME_MIN)
			return -EINVAL;
		memset(&sll, 0, sizeof(sll));
		memcpy(&sll, msg->name, MIN((size_t)msg->name_len, sizeof(sll)));
		if (sll.sll_family != AF_PACKET || msg->name_len < NAME_MIN + (socklen_t)sll.sll_halen)
			return -EINVAL;
		id = sll.sll_ifindex;
		to->proto = __builtin_bswap16(sll.sll_protocol);
		memcpy(to->addr, sll.sll_addr, sizeof(to->addr));
		if (ps->dg.sk.type == SOCK_DGRAM && sll.sll_halen < 6)
			return -EINVAL;
	}
	to->link = link_find(ps->dg.sk.ip->links, id);
	if (!to->link)
		return -ENXIO;
	return to->link->up ? 0 : -ENETDOWN;
}

/* Out of the link, or for the loopback: in again. Takes @pkt, view at the frame. */
static int emit(struct packet_sock *ps, const struct target *to, struct pkt *pkt)
{
	struct link *link = to->link;
	uint32_t l2 = link->kind == NET_LINK_ETHER ? ETH_HDR_LEN : 0;
	int r;

	if (ps->dg.sk.type == SOCK_DGRAM && l2) {
		r = ether_output(link, pkt, to->addr, to->proto);
	} else if (link->kind == NET_LINK_LOOPBACK) {
		if (ps->dg.sk.type == SOCK_RAW)
			pkt_pull(pkt, ETH_HDR_LEN);
		pkt->ip = (struct pkt_ip){0};
		r = loopback_output(link, pkt);
	} else {
		r = link_output(link, pkt);
	}
	return r;
}

static int check_size(const struct packet_sock *ps, const struct target *to, size_t len)
{
	size_t head = ps->dg.sk.type == SOCK_RAW && to->link->kind != NET_LINK_IP ? ETH_HDR_LEN : 0;

	if (len < head || !len)
		return -EINVAL;
	return len - head > to->link->mtu ? -EMSGSIZE : 0;
}

static int xmit_from_ring(struct packet_sock *ps, const uint8_t *data, uint32_t len, void *arg)
{
	struct target *to = arg;
	struct iovec v = {(void *)(uintptr_t)data, len};
	struct iov it = iov_start(&v, 1);
	struct pkt *pkt;
	int r = check_size(ps, to, len);

	if (r < 0)
		return r;
	r = dgram_build(&ps->dg.sk, &pkt, &it, len);
	return r < 0 ? r : emit(ps, to, pkt);
}

/* The header in front of a frame (virtio 1.2, 5.1.6). 0 or -EINVAL. */
static int vnet_apply(struct pkt *pkt, const uint8_t *vnet, const struct target *to)
{
	uint16_t v[4];

	memcpy(v, vnet + 2, sizeof(v));
	if (vnet[0] & ~3 || (vnet[1] && to->link->kind != NET_LINK_ETHER))
		return -EINVAL;
	if (vnet[0] & 1) {
		if ((uint32_t)v[2] + v[3] + 2 > pkt->len)
			return -EINVAL;
		pkt->offload.flags = NET_OFFLOAD_NEEDS_CSUM;
		pkt->offload.csum_start = v[2];
		pkt->offload.csum_offset = v[3];
	}
	switch (vnet[1] & ~(unsigned)NET_GSO_ECN) {
	case NET_GSO_NONE:
		return 0;
	case NET_GSO_TCP4:
	case NET_GSO_TCP6:
	case NET_GSO_UDP_L4:
		if (!v[1] || !(vnet[0] & 1))
			return -EINVAL;
		pkt->offload.gso_type = vnet[1];
		pkt->offload.gso_size = v[1];
		return 0;
	default:
		return -EINVAL;
	}
}

static ssize_t packet_send(struct sock *sk, const struct net_msg *msg,
			   const struct net_endpoint *dst, int flags)
{
	struct packet_sock *ps = packet_of(sk);
	size_t len = iov_total(msg->iov, msg->iov_len), head = ps->vnet_hdr_sz;
	struct iov it = iov_start(msg->iov, msg->iov_len);
	uint8_t vnet[VNET_MAX] = {0};
	struct target to;
	struct pkt *pkt;
	int r;

	(void)dst;
	(void)flags;
	r = find_target(ps, &to, msg);
	if (r < 0)
		return r;
	if (ps->tx.mem)
		return packet_ring_send(ps, xmit_from_ring, &to);
	if (head) {
		if (len < head || iov_gather(&it, vnet, head) != head)
			return -EINVAL;
		len -= head;
	}
	r = vnet[1] ? 0 : check_size(ps, &to, len);
	if (len > PKT_MAX_LEN)
		r = -EMSGSIZE;
	if (r < 0)
		return r;
	r = dgram_build(sk, &pkt, &it, len);
	if (r < 0)
		return r;
	r = head ? vnet_apply(pkt, vnet, &to) : 0;
	if (r < 0) {
		pkt_free(pkt);
		return r;
	}
	r = emit(ps, &to, pkt);
	return r < 0 ? r : (ssize_t)(len + head);
}

static uint32_t packet_poll(struct sock *sk)
{
	struct packet_sock *ps = packet_of(sk);
	uint32_t mask = dgram_poll(sk);

	if (ps->rx.mem && packet_ring_readable(ps))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static int no_connect(struct sock *sk, const struct net_endpoint *peer)
{
	(void)sk;
	(void)peer;
	return -EOPNOTSUPP;
}

static int no_shutdown(struct sock *sk, enum sock_shut how)
{
	(void)sk;
	(void)how;
	return -EOPNOTSUPP;
}

static void opt_changed(struct sock *sk, int level, int name)
{
	(void)level;
	(void)name;
	sock_set_notify(sk);
}

int packet_init(struct packet **ret, struct socks *socks)
{
	struct packet *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->socks = socks;
	list_init(&p->all);
	list_init(&p->fanouts);
	socks->ip->links->up.tap = packet_tap;
	socks->ip->links->up.tap_ctx = p;
	socks->ip->links->up.taps = &socks->packets;
	*ret = p;
	return 0;
}

struct packet *packet_free(struct packet *p)
{
	free(p);
	return NULL;
}

const struct sock_ops packet_sock_ops = {
	.name = "PACKET",
	.size = sizeof(struct packet_sock),
	.open = packet_open,
	.close = packet_close,
	.bind_name = packet_bind,
	.get_name = packet_name,
	.connect = no_connect,
	.send = packet_send,
	.recv = packet_recv,
	.shutdown = no_shutdown,
	.setopt = packet_setopt,
	.getopt = packet_getopt,
	.opt_changed = opt_changed,
	.poll = packet_poll,
	.count = dgram_count,
	.info = dgram_info,
	.charge_released = dgram_charge_released,
	.connected = dgram_connected,
};
