/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: see netns.h.
 *
 * Locks: [m] mu (RANK_NETNS), [I] set at creation, [x] whoever holds a link's tx_busy, [p] the pump.
 * The pump sleeps in ppoll(2) over the links and a kick descriptor until the stack's deadline. Others
 * kick it only for a deadline earlier than the one it sleeps for; an idle namespace never wakes.
 */
#include "net/netns.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "core/clock.h"
#include "core/thread.h"
#include "host/io.h"
#include "net/sysctl.h"
#include "netlink/notify.h"
#include "netstack/change.h"
#include "netstack/info.h"
#include "netstack/link.h"
#include "netstack/nf.h"
#include "netstack/pkt.h"
#include "netstack/route.h"
#include "netstack/socket.h"
#include "sentry/boot.h"
#include "tap/tap.h"

#define MAX_LINKS 16
#define RX_BATCH 32
#define TX_BATCH 32

/* Frames on their way out of one link; owned by the thread that set tx_busy. */
struct tx_batch {
	struct pkt *pkts[TX_BATCH];
	struct tap_frame frames[TX_BATCH];
	struct iovec iov[TX_BATCH][NET_PKT_IOV_MAX];
	int n;
	int sent;
};

struct netns_link {
	net_link_id id;	      /* [I] */
	struct frame_io *io;  /* [I] */
	char name[16];	      /* [I] */
	uint8_t mac[6];	      /* [I] */
	uint32_t index;	      /* [I] of the capture's interface list */
	bool tx_busy;	      /* [m] */
	bool tx_blocked;      /* [m] the host is full: the pump waits for POLLOUT */
	bool dead;	      /* [m] */
	struct tx_batch *tx;  /* [x] */
	struct pkt *rx_pkts[RX_BATCH]; /* [p] buffers that wait for frames; [m] to allocate and give */
	struct tap_frame rx_frames[RX_BATCH]; /* [p] */
	struct iovec rx_iov[RX_BATCH][NET_PKT_IOV_MAX]; /* [p] */
};

struct netns {
	struct ref ref;
	struct mutex mu;
	struct net_stack *stack;  /* [m] */
	struct netns_link links[MAX_LINKS];
	size_t n_links;		  /* [I] */
	int64_t sleeping_until;	  /* [m] what the pump sleeps for; INT64_MIN: awake */
	int kick_fd;		  /* [I] */
	bool watching_drops;	  /* [m] */
	struct net_change change; /* [m] the one being told to netlink */
	struct tee_hub tee;
};

static net_time now_ns(void)
{
	return clock_mono_ns();
}

struct netns *netns_get(struct netns *ns)
{
	ref_get(&ns->ref);
	return ns;
}

/* --- configuration ---------------------------------------------------------------------------- */

static void to_net_addr(struct net_addr *ret, int family, const uint8_t *bytes)
{
	*ret = (struct net_addr){ .family = (uint16_t)family };
	memcpy(ret->bytes, bytes, family == AF_INET ? 4 : 16);
}

static uint32_t to_net_offloads(uint32_t tap)
{
	uint32_t net = 0;

	if (tap & TAP_OFFLOAD_CSUM)
		net |= NET_LINK_CSUM;
	if (tap & TAP_OFFLOAD_TSO4)
		net |= NET_LINK_TSO4;
	if (tap & TAP_OFFLOAD_TSO6)
		net |= NET_LINK_TSO6;
	if (tap & TAP_OFFLOAD_USO)
		net |= NET_LINK_USO;
	if (tap & TAP_OFFLOAD_TSO_ECN)
		net |= NET_LINK_TSO_ECN;
	return net;
}

static int add_link(struct netns *ns, const struct sentry_link *cfg, char *why, size_t why_size)
{
	struct netns_link *l = &ns->links[ns->n_links];
	struct frame_io_config io = { .fd = cfg->fd, .mtu = cfg->mtu, .offloads = cfg->offloads };
	struct net_link_config link = { .kind = NET_LINK_ETHER, .mtu = cfg->mtu };
	int r;

	if (ns->n_links == MAX_LINKS)
		return -ENOSPC;
	switch (cfg->type) {
	case SENTRY_LINK_AFPACKET:
	case SENTRY_LINK_SOCKET:
		r = frame_io_packet_new(&l->io, &io);
		break;
	case SENTRY_LINK_TAP:
		r = frame_io_tun_new(&l->io, &io);
		break;
	default:
		r = -EINVAL;
	}
	if (r < 0) {
		snprintf(why, why_size, "link %s: frame descriptor: %s", cfg->name, strerror(-r));
		return r;
	}

	strncpy(link.name, cfg->name, sizeof(link.name) - 1);
	memcpy(link.mac, cfg->mac, 6);
	link.offloads = to_net_offloads(frame_io_offloads(l->io));
	r = net_link_attach(ns->stack, &l->id, &link);
	if (r < 0) {
		snprintf(why, why_size, "link %s: %s", cfg->name, strerror(-r));
		return r;
	}
	memcpy(l->name, link.name, sizeof(l->name));
	memcpy(l->mac, cfg->mac, 6);
	l->index = (uint32_t)ns->n_links;
	l->tx = calloc(1, sizeof(*l->tx));
	if (!l->tx)
		return -ENOMEM;
	ns->n_links++;

	for (size_t i = 0; i < cfg->n_addrs; i++) {
		struct net_ifaddr a = { .link = l->id, .prefix_len = cfg->addrs[i].prefix_len };

		to_net_addr(&a.addr, cfg->addrs[i].family, cfg->addrs[i].addr);
		r = net_addr_add(ns->stack, &a);
		if (r < 0 && r != -EEXIST) {
			snprintf(why, why_size, "link %s: address %zu: %s", cfg->name, i,
				 strerror(-r));
			return r;
		}
	}
	return 0;
}

static int add_routes(struct netns *ns, const struct sentry_config *cfg, char *why, size_t why_size)
{
	for (size_t i = 0; i < cfg->n_routes; i++) {
		const struct sentry_route *rt = &cfg->routes[i];
		struct net_route route = { .prefix_len = rt->dst_len, .metric = rt->metric };

		if (rt->link < 0 || (size_t)rt->link >= ns->n_links)
			return -EINVAL;
		to_net_addr(&route.dst, rt->family, rt->dst);
		if (rt->has_gateway)
			to_net_addr(&route.gateway, rt->family, rt->gateway);
		route.link = ns->links[rt->link].id;

		int r = net_route_add(ns->stack, &route);

		if (r < 0 && r != -EEXIST) {
			snprintf(why, why_size, "route %zu: %s", i, strerror(-r));
			return r;
		}
	}
	for (size_t i = 0; i < cfg->n_neighs; i++) {
		const struct sentry_neigh *n = &cfg->neighs[i];
		struct net_neigh neigh = { .state = NET_NEIGH_PERMANENT };

		if (n->link < 0 || (size_t)n->link >= ns->n_links)
			return -EINVAL;
		neigh.link = ns->links[n->link].id;
		to_net_addr(&neigh.addr, n->family, n->addr);
		memcpy(neigh.mac, n->mac, 6);
		(void)net_neigh_set(ns->stack, &neigh);
	}
	return 0;
}

static void netns_free(struct netns *ns)
{
	for (size_t i = 0; i < ns->n_links; i++) {
		struct netns_link *l = &ns->links[i];

		for (int j = 0; j < RX_BATCH; j++)
			net_pkt_free(l->rx_pkts[j]);
		frame_io_free(l->io);
		free(l->tx);
	}
	net_stack_free(ns->stack);
	tee_hub_fini(&ns->tee);
	host_close(ns->kick_fd);
	mutex_fini(&ns->mu);
	free(ns);
}

/* The namespace of a running sandbox lives until the process ends: the pump uses it. */
void netns_put(struct netns *ns)
{
	if (ns && ref_put(&ns->ref))
		netns_free(ns);
}

int netns_new(struct netns **ret, const struct sentry_config *cfg, char *why, size_t why_size)
{
	struct netns *ns = calloc(1, sizeof(*ns));
	struct net_config net;
	int r;

	if (!ns)
		return -ENOMEM;
	ref_init(&ns->ref);
	mutex_init(&ns->mu, RANK_NETNS);
	ns->tee = (struct tee_hub)TEE_HUB_INIT;
	ns->sleeping_until = INT64_MIN;
	ns->kick_fd = host_eventfd();
	if (ns->kick_fd < 0) {
		r = ns->kick_fd;
		goto fail;
	}

	net_config_init(&net);
	krandom(net.seed, sizeof(net.seed));
	net.now = now_ns();
	net.wall_offset = clock_real_ns() - net.now;
	for (size_t i = 0; cfg->sysctls && cfg->sysctls[i]; i++) {
		r = sysctl_net_apply(&net.tunables, cfg->sysctls[i]);
		if (r < 0) {
			snprintf(why, why_size, "sysctl %s: %s", cfg->sysctls[i], strerror(-r));
			goto fail;
		}
	}
	r = net_stack_new(&ns->stack, &net);
	for (size_t i = 0; r == 0 && i < cfg->n_links; i++)
		r = add_link(ns, &cfg->links[i], why, why_size);
	if (r == 0)
		r = add_routes(ns, cfg, why, why_size);
	if (r == 0) {
		*ret = ns;
		return 0;
	}
fail:
	netns_free(ns);
	return r;
}

/* --- leaving the lock ------------------------------------------------------------------------- */

static void dispatch_events(struct netns *ns)
{
	struct net_ct_event ct;
	char line[256];
	struct net_event ev;

	while (net_stack_next_event(ns->stack, &ev)) {
		struct netns_sock *s = (struct netns_sock *)(uintptr_t)ev.cookie;

		if (s)
			s->ready(s, ev.ready | ev.woke);
	}
	while (net_changes_next(ns->stack, &ns->change))
		rt_changed(ns, ns->stack, &ns->change);
	while (net_conntrack_next_event(ns->stack, &ct))
		conntrack_changed(ns, &ct);
	while (net_nf_log_next(ns->stack, line, sizeof(line)))
		klog("%s", line);
}

static void to_tap_meta(struct tap_meta *ret, const struct pkt *pkt)
{
	struct net_offload o;

	net_pkt_get_offload(pkt, &o);
	*ret = (struct tap_meta){
		.gso = o.gso_type & (uint8_t)~NET_GSO_ECN,
		.hdr_len = o.hdr_len,
		.gso_size = o.gso_size,
		.csum_start = o.csum_start,
		.csum_offset = o.csum_offset,
	};
	if (o.flags & NET_OFFLOAD_NEEDS_CSUM)
		ret->flags |= TAP_META_NEEDS_CSUM;
	if (o.gso_type & NET_GSO_ECN)
		ret->flags |= TAP_META_GSO_ECN;
}

/* Fills the batch from the stack. The caller holds mu and tx_busy. */
static void tx_collect(struct netns *ns, struct netns_link *l)
{
	struct tx_batch *tx = l->tx;

	tx->n = 0;
	tx->sent = 0;
	while (tx->n < TX_BATCH) {
		struct pkt *pkt = net_link_take_output(ns->stack, l->id);

		if (!pkt)
			break;

		struct tap_frame *fr = &tx->frames[tx->n];

		*fr = (struct tap_frame){ .iov = tx->iov[tx->n] };
		fr->n_iov = (unsigned)net_pkt_iov(pkt, tx->iov[tx->n], NET_PKT_IOV_MAX);
		to_tap_meta(&fr->meta, pkt);
		tx->pkts[tx->n++] = pkt;
	}
}

static void tx_tee(struct netns *ns, struct netns_link *l)
{
	struct tx_batch *tx = l->tx;

	if (!tee_hub_active(&ns->tee))
		return;
	for (int i = 0; i < tx->n; i++) {
		struct tee_info info = { .time_ns = (uint64_t)clock_real_ns(),
					 .link = l->index,
					 .direction = TEE_OUT,
					 .meta = &tx->frames[i].meta };

		tee_hub_frame(&ns->tee, &info, tx->iov[i], tx->frames[i].n_iov);
	}
}

/* Sends what the batch holds; without the lock. Returns false when the host is full. */
static bool tx_send(struct netns_link *l)
{
	struct tx_batch *tx = l->tx;

	while (tx->sent < tx->n) {
		int r = frame_io_send(l->io, tx->frames + tx->sent, (unsigned)(tx->n - tx->sent));

		if (r < 0) {
			l->dead = true; /* the descriptor is gone: everything is dropped from now on */
			tx->sent = tx->n;
			break;
		}
		if (r == 0)
			return false;
		tx->sent += r;
	}
	return true;
}

/* Sends the output of one link until there is none. Called and returns with the lock held. */
static void tx_flush_link(struct netns *ns, struct netns_link *l)
{
	if (l->tx_busy || l->tx_blocked)
		return; /* whoever sends looks again before it stops */
	while (net_link_output_len(ns->stack, l->id) > 0) {
		l->tx_busy = true;
		tx_collect(ns, l);
		mutex_unlock(&ns->mu);

		tx_tee(ns, l);
		bool all = l->dead || tx_send(l);

		mutex_lock(&ns->mu);
		if (!all) {
			/* The rest stays in the batch; tx_busy stays set until the pump has sent it. */
			l->tx_blocked = true;
			if (ns->sleeping_until != INT64_MIN)
				host_event_signal(ns->kick_fd);
			return;
		}
		for (int i = 0; i < l->tx->n; i++)
			net_pkt_free(l->tx->pkts[i]);
		l->tx_busy = false;
	}
}

static void tx_flush(struct netns *ns)
{
	for (size_t i = 0; i < ns->n_links; i++) {
		if (net_link_output_len(ns->stack, ns->links[i].id) > 0)
			tx_flush_link(ns, &ns->links[i]);
	}
}

/* The pump, when a blocked link became writable. With the lock. */
static void tx_unblock(struct netns *ns, struct netns_link *l)
{
	assert(l->tx_busy && l->tx_blocked);
	mutex_unlock(&ns->mu);
	bool all = tx_send(l);
	mutex_lock(&ns->mu);
	if (!all)
		return;
	for (int i = 0; i < l->tx->n; i++)
		net_pkt_free(l->tx->pkts[i]);
	l->tx_busy = false;
	l->tx_blocked = false;
	tx_flush_link(ns, l);
}

struct net_stack *netns_lock(struct netns *ns)
{
	mutex_lock(&ns->mu);
	net_stack_clock(ns->stack, now_ns());
	return ns->stack;
}

static void settle_locked(struct netns *ns)
{
	net_stack_poll(ns->stack, now_ns());
	dispatch_events(ns);
	tx_flush(ns);
}

void netns_unlock(struct netns *ns)
{
	settle_locked(ns);

	net_time deadline = net_stack_deadline(ns->stack);
	bool kick = deadline < ns->sleeping_until;

	if (kick)
		ns->sleeping_until = deadline; /* one kick is enough */
	mutex_unlock(&ns->mu);
	if (kick)
		host_event_signal(ns->kick_fd);
}

void netns_unlock_query(struct netns *ns)
{
	mutex_unlock(&ns->mu);
}

/* --- the pump ------------------------------------------------------------------------------------ */

/* Makes sure that every receive slot has a buffer. With the lock. Returns how many have one. */
static int rx_prepare(struct netns *ns, struct netns_link *l)
{
	for (int i = 0; i < RX_BATCH; i++) {
		struct tap_frame *fr = &l->rx_frames[i];

		if (!l->rx_pkts[i]) {
			l->rx_pkts[i] = net_pkt_new(ns->stack, TAP_MAX_FRAME);
			if (!l->rx_pkts[i])
				return i;
			fr->iov = l->rx_iov[i];
			fr->n_iov = (unsigned)net_pkt_areas(l->rx_pkts[i], l->rx_iov[i],
							    NET_PKT_IOV_MAX);
		}
	}
	return RX_BATCH;
}

static void rx_tee(struct netns *ns, struct netns_link *l, int n)
{
	if (!tee_hub_active(&ns->tee))
		return;
	for (int i = 0; i < n; i++) {
		struct tap_frame *fr = &l->rx_frames[i];
		struct tee_info info = { .time_ns = (uint64_t)clock_real_ns(),
					 .link = l->index,
					 .direction = TEE_IN,
					 .meta = &fr->meta };
		struct iovec iov[NET_PKT_IOV_MAX];
		size_t left = fr->len;
		unsigned used = 0;

		while (left > 0 && used < fr->n_iov) {
			iov[used] = fr->iov[used];
			iov[used].iov_len = MIN(iov[used].iov_len, left);
			left -= iov[used++].iov_len;
		}
		tee_hub_frame(&ns->tee, &info, iov, used);
	}
}

static void rx_deliver(struct netns *ns, struct netns_link *l, int n)
{
	struct pkt *pkts[RX_BATCH];
	size_t good = 0;

	for (int i = 0; i < n; i++) {
		struct tap_frame *fr = &l->rx_frames[i];
		struct net_offload o = {
			.gso_type = fr->meta.gso,
			.hdr_len = fr->meta.hdr_len,
			.gso_size = fr->meta.gso_size,
			.csum_start = fr->meta.csum_start,
			.csum_offset = fr->meta.csum_offset,
		};

		if (fr->meta.flags & TAP_META_NEEDS_CSUM)
			o.flags |= NET_OFFLOAD_NEEDS_CSUM;
		if (fr->meta.flags & TAP_META_CSUM_VALID)
			o.flags |= NET_OFFLOAD_DATA_VALID;
		if (fr->meta.flags & TAP_META_GSO_ECN)
			o.gso_type |= NET_GSO_ECN;

		struct pkt *pkt = TAKE(l->rx_pkts[i]);

		if (fr->cut || net_pkt_set_len(pkt, fr->len) < 0) {
			net_pkt_free(pkt);
			continue;
		}
		net_pkt_set_offload(pkt, &o);
		pkts[good++] = pkt;
	}
	/* Together, so that segments of one flow can go up as one. */
	(void)net_link_input_batch(ns->stack, l->id, now_ns(), pkts, good);
}

/* Discards, with their reasons, to the captures. With the lock (a capture never blocks). */
static void tee_drops(struct netns *ns)
{
	struct net_drop_info d;

	if (!ns->watching_drops)
		return;
	while (net_drops_next(ns->stack, &d)) {
		struct tee_info info = { .time_ns = (uint64_t)clock_real_ns() };
		uint8_t eth[14] = { 0 };
		char comment[160];
		struct iovec iov[2] = { { eth, sizeof(eth) }, { d.snap, d.snap_len } };
		bool bare = d.ethertype != 0;

		for (size_t i = 0; i < ns->n_links; i++) {
			if (ns->links[i].id == d.link)
				info.link = ns->links[i].index;
		}
		eth[12] = (uint8_t)(d.ethertype >> 8);
		eth[13] = (uint8_t)d.ethertype;
		snprintf(comment, sizeof(comment), "dropped: %s (%s)", net_drop_name(d.why),
			 net_drop_text(d.why));
		info.comment = comment;
		tee_hub_frame(&ns->tee, &info, bare ? iov : iov + 1, bare ? 2 : 1);
	}
}

/* Receives until the link is empty. Returns false when it is dead. */
static bool rx_drain(struct netns *ns, struct netns_link *l)
{
	for (int rounds = 0; rounds < 8; rounds++) {
		mutex_lock(&ns->mu);
		int room = rx_prepare(ns, l);
		mutex_unlock(&ns->mu);
		if (room == 0)
			return true; /* no packet memory: the host's queue holds the frames */

		int n = frame_io_recv(l->io, l->rx_frames, (unsigned)room);

		if (n < 0)
			return false;
		if (n == 0)
			return true;
		rx_tee(ns, l, n);
		mutex_lock(&ns->mu);
		rx_deliver(ns, l, n);
		tee_drops(ns);
		settle_locked(ns);
		mutex_unlock(&ns->mu);
		if (n < room)
			return true;
	}
	return true;
}

static int64_t pump_prepare(struct netns *ns, struct pollfd *fds)
{
	mutex_lock(&ns->mu);
	settle_locked(ns);
	for (size_t i = 0; i < ns->n_links; i++) {
		struct netns_link *l = &ns->links[i];

		fds[i] = (struct pollfd){ .fd = l->dead ? -1 : frame_io_fd(l->io),
					  .events = POLLIN };
		if (l->tx_blocked)
			fds[i].events |= POLLOUT;
	}
	fds[ns->n_links] = (struct pollfd){ .fd = ns->kick_fd, .events = POLLIN };
	int64_t deadline = net_stack_deadline(ns->stack);

	ns->sleeping_until = deadline;
	mutex_unlock(&ns->mu);
	return deadline;
}

/* While somebody captures, slow readers are served this often. */
#define TEE_FLUSH_NS (20 * 1000000)

static void *pump_main(void *arg)
{
	struct netns *ns = arg;
	struct pollfd fds[MAX_LINKS + 1];

	for (;;) {
		int64_t deadline = pump_prepare(ns, fds);

		if (tee_hub_active(&ns->tee)) {
			tee_hub_flush(&ns->tee);
			deadline = MIN(deadline, clock_mono_ns() + TEE_FLUSH_NS);
		}
		(void)host_poll(fds, ns->n_links + 1, deadline);

		mutex_lock(&ns->mu);
		ns->sleeping_until = INT64_MIN;
		mutex_unlock(&ns->mu);
		if (fds[ns->n_links].revents & POLLIN)
			host_event_clear(ns->kick_fd);
		for (size_t i = 0; i < ns->n_links; i++) {
			struct netns_link *l = &ns->links[i];

			if (fds[i].fd >= 0 && (fds[i].revents & (POLLOUT | POLLERR)) && l->tx_blocked) {
				mutex_lock(&ns->mu);
				tx_unblock(ns, l);
				mutex_unlock(&ns->mu);
			}
			if ((fds[i].revents & (POLLIN | POLLERR | POLLHUP)) && !rx_drain(ns, l)) {
				l->dead = true;
				klog("link %s is gone", l->name);
			}
		}
	}
	return NULL;
}

int netns_start(struct netns *ns)
{
	return kthread_start(pump_main, netns_get(ns), "net-pump");
}

/* --- captures ------------------------------------------------------------------------------------ */

uint32_t netns_inode(const struct netns *ns)
{
	(void)ns;
	return 4026531840U; /* the only one of its sandbox */
}

struct tee_hub *netns_tee(struct netns *ns)
{
	return &ns->tee;
}

size_t netns_tee_links(const struct netns *ns, struct tee_link *ret, size_t max)
{
	for (size_t i = 0; i < ns->n_links && i < max; i++) {
		ret[i] = (struct tee_link){ .name = ns->links[i].name,
					    .mtu = frame_io_mtu(ns->links[i].io) };
		memcpy(ret[i].mac, ns->links[i].mac, 6);
	}
	return ns->n_links;
}

void netns_capture_changed(struct netns *ns)
{
	mutex_lock(&ns->mu);
	ns->watching_drops = tee_hub_active(&ns->tee);
	net_drops_watch(ns->stack, ns->watching_drops);
	mutex_unlock(&ns->mu);
	host_event_signal(ns->kick_fd);
}
