/* SPDX-License-Identifier: Apache-2.0 */
/* A network of its own for one sandbox: a veth or a tap device with a private /30 (IPv4) and /64
 * (IPv6). The host has the first address of each, the sandbox the second and a default route to the
 * host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/route/link/veth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "net/nl.h"
#include "tap/open.h"

/* Candidates are the /30s of 172.31.192.0/18: 4096 of them, far from what hosts and clouds use. */
#define POOL_BASE 0xac1fc000u
#define POOL_SIZE 4096u

struct subnet {
	uint32_t net; /* host byte order */
	uint8_t prefix_len;
	uint32_t index;
	bool taken;
};

static uint32_t mask_of(unsigned prefix_len)
{
	return prefix_len ? ~0u << (32 - prefix_len) : 0;
}

/* Marks the candidate as taken when an address or a route of the host overlaps it. */
static void check_overlap(struct subnet *s, struct nl_addr *addr, unsigned prefix_len)
{
	unsigned shorter = prefix_len < s->prefix_len ? prefix_len : s->prefix_len;
	uint32_t net;

	/* A default route overlaps everything and means nothing; the same goes for very wide ones.
	 */
	if (!addr || nl_addr_get_len(addr) != 4 || prefix_len < 8)
		return;
	memcpy(&net, nl_addr_get_binary_addr(addr), 4);
	if (((ntohl(net) ^ s->net) & mask_of(shorter)) == 0)
		s->taken = true;
}

static void check_addr(struct nl_object *obj, void *arg)
{
	struct rtnl_addr *a = (struct rtnl_addr *)obj;

	check_overlap(arg, rtnl_addr_get_local(a), (unsigned)rtnl_addr_get_prefixlen(a));
}

static void check_route(struct nl_object *obj, void *arg)
{
	struct nl_addr *dst = rtnl_route_get_dst((struct rtnl_route *)obj);

	if (dst)
		check_overlap(arg, dst, nl_addr_get_prefixlen(dst));
}

static int choose_subnet(struct nl_sock *sk, const char *seed, struct subnet *ret,
			 struct cause *cause)
{
	struct nl_cache *addrs, *routes;
	uint32_t hash = 2166136261u;
	int r = rtnl_addr_alloc_cache(sk, &addrs);

	if (r < 0)
		return cause_errno(cause, nl_errno(r), "reading the host's addresses");
	r = rtnl_route_alloc_cache(sk, AF_INET, 0, &routes);
	if (r < 0) {
		nl_cache_free(addrs);
		return cause_errno(cause, nl_errno(r), "reading the host's routes");
	}
	/* Start somewhere else for each name, so that neighbours rarely meet. FNV-1a. */
	for (; *seed; seed++)
		hash = (hash ^ (uint8_t)*seed) * 16777619u;
	r = -EADDRINUSE;
	for (uint32_t i = 0; i < POOL_SIZE && r < 0; i++) {
		struct subnet s = {.prefix_len = 30, .index = (hash + i) % POOL_SIZE};

		s.net = POOL_BASE + s.index * 4;
		nl_cache_foreach(addrs, check_addr, &s);
		nl_cache_foreach(routes, check_route, &s);
		if (!s.taken) {
			*ret = s;
			r = 0;
		}
	}
	nl_cache_free(addrs);
	nl_cache_free(routes);
	return r < 0 ? cause_set(cause, r, "no free private IPv4 network is left (172.31.192.0/18)")
		     : 0;
}

static int parse_cidr(const char *text, struct subnet *ret, uint32_t *ret_host, struct cause *cause)
{
	char buf[32];
	const char *slash = strchr(text, '/');
	struct in_addr a;
	char *end;
	long len = slash ? strtol(slash + 1, &end, 10) : 0;

	snprintf(buf, sizeof(buf), "%.*s", slash ? (int)(slash - text) : 0, text);
	if (!slash || *end || len < 8 || len > 30 || inet_pton(AF_INET, buf, &a) != 1)
		return cause_set(cause, -EINVAL, "--ip: \"%s\" is not ADDRESS/8 to ADDRESS/30",
				 text);
	*ret_host = ntohl(a.s_addr);
	*ret = (struct subnet){.net = *ret_host & mask_of((unsigned)len),
			       .prefix_len = (uint8_t)len};
	ret->index = (ret->net >> 2) % POOL_SIZE;
	return 0;
}

static struct net_plan_addr addr4(uint32_t host_order, uint8_t prefix_len)
{
	struct net_plan_addr a = {.family = AF_INET, .prefix_len = prefix_len};
	uint32_t be = htonl(host_order);

	memcpy(a.addr, &be, 4);
	return a;
}

/* fd6e:7365:6e74:N::host (RFC 4193 form, one /64 per index) */
static struct net_plan_addr addr6(uint32_t index, uint8_t host)
{
	struct net_plan_addr a = {.family = AF_INET6, .prefix_len = 64};
	static const uint8_t prefix[6] = {0xfd, 0x6e, 0x73, 0x65, 0x6e, 0x74};

	memcpy(a.addr, prefix, 6);
	a.addr[6] = (uint8_t)(index >> 8);
	a.addr[7] = (uint8_t)index;
	a.addr[15] = host;
	return a;
}

/* Addresses on the host's side; the sandbox's go into the plan. */
static int address_both(struct nl_sock *sk, const struct net_private *cfg, int host_ifindex,
			struct net_plan *plan, struct cause *cause)
{
	struct net_plan_link *link = &plan->links[0];
	struct net_plan_addr host[2];
	uint32_t host4 = 0, guest4;
	struct subnet s = {0};
	int r;

	if (cfg->host_cidr) {
		r = parse_cidr(cfg->host_cidr, &s, &host4, cause);
		guest4 = host4 == s.net + 1 ? s.net + 2 : s.net + 1;
	} else {
		r = choose_subnet(sk, cfg->link_name, &s, cause);
		host4 = s.net + 1;
		guest4 = s.net + 2;
	}
	if (r < 0)
		return r;
	host[0] = addr4(host4, s.prefix_len);
	host[1] = addr6(s.index, 1);
	r = nl_addr_change(sk, host_ifindex, &host[0], true, 0);
	if (r < 0)
		return cause_errno(cause, r, "interface %s: address", cfg->link_name);
	link->addrs[link->n_addrs++] = addr4(guest4, s.prefix_len);
	plan->routes[plan->n_routes++] =
		(struct net_plan_route){.family = AF_INET, .has_gateway = true};
	memcpy(plan->routes[0].gateway, host[0].addr, 16);

	/* A host without IPv6 is fine. */
	if (nl_addr_change(sk, host_ifindex, &host[1], true, IFA_F_NODAD) == 0) {
		link->addrs[link->n_addrs++] = addr6(s.index, 2);
		plan->routes[plan->n_routes++] =
			(struct net_plan_route){.family = AF_INET6, .has_gateway = true};
		memcpy(plan->routes[1].gateway, host[1].addr, 16);
	}
	return 0;
}

static int lock_addresses(const struct net_private *cfg)
{
	/* The directory itself: an open of its own, because locks belong to opens. */
	int fd = openat(cfg->lock_dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
	return fd;
}

static void plan_link(struct net_plan *plan, const struct tap_link *tap, const char *name,
		      bool is_tap)
{
	*plan = (struct net_plan){.version = NET_PLAN_VERSION, .n_links = 1};
	snprintf(plan->links[0].name, sizeof(plan->links[0].name), "%s", name);
	plan->links[0].tap = is_tap;
	plan->links[0].mtu = tap->mtu;
	plan->links[0].offloads = tap->offloads;
	memcpy(plan->links[0].mac, tap->mac, 6);
}

/* Makes the pair; its other end is born in the namespace as eth0. */
static int make_veth(struct nl_sock *sk, const char *name, int netns_fd, struct cause *cause)
{
	struct rtnl_link *link = rtnl_link_veth_alloc(), *peer;
	int r;

	if (!link)
		return cause_errno(cause, -ENOMEM, "interface %s", name);
	rtnl_link_set_name(link, name);
	peer = rtnl_link_veth_get_peer(link);
	rtnl_link_set_name(peer, "eth0");
	rtnl_link_set_ns_fd(peer, netns_fd);
	r = rtnl_link_add(sk, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(peer);
	rtnl_link_veth_release(link);
	return r < 0 ? cause_errno(cause, nl_errno(r), "making interface %s", name) : 0;
}

/* The sandbox's end: up, without any address of the host's. */
static int open_peer(int netns_fd, struct tap_link *ret, struct cause *cause)
{
	CLEANUP(nl_close_freep) struct nl_sock *sk = NULL;
	int home = netns_enter(netns_fd, cause), r, fd;

	if (home < 0)
		return home;
	fd = open("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "1", 1);
		close(fd);
	}
	r = nl_open(&sk, cause);
	if (r >= 0)
		r = nl_link_up(sk, (int)if_nametoindex("eth0"));
	if (r >= 0)
		r = tap_open_afpacket("eth0", ret);
	netns_leave(home);
	return r < 0 ? cause_errno(cause, r, "interface eth0 of the sandbox") : 0;
}

int net_private_veth(const struct net_private *cfg, int netns_fd, struct net_plan *plan,
		     int *ret_fd, struct cause *cause)
{
	CLEANUP(nl_close_freep) struct nl_sock *sk = NULL;
	struct tap_link tap = {.fd = -1};
	int r = nl_open(&sk, cause), lock, ifindex;

	if (r < 0)
		return r;
	r = make_veth(sk, cfg->link_name, netns_fd, cause);
	if (r < 0)
		return r;
	ifindex = (int)if_nametoindex(cfg->link_name);
	r = open_peer(netns_fd, &tap, cause);
	if (r >= 0) {
		plan_link(plan, &tap, "eth0", false);
		lock = lock_addresses(cfg);
		r = address_both(sk, cfg, ifindex, plan, cause);
		if (r >= 0 && (r = nl_link_up(sk, ifindex)) < 0)
			cause_errno(cause, r, "interface %s: up", cfg->link_name);
		if (lock >= 0)
			close(lock);
	}
	if (r < 0) {
		if (tap.fd >= 0)
			close(tap.fd);
		net_link_delete(cfg->link_name);
		return r;
	}
	*ret_fd = tap.fd;
	return 0;
}

int net_private_tap(const struct net_private *cfg, struct net_plan *plan, int *ret_fd,
		    struct cause *cause)
{
	CLEANUP(nl_close_freep) struct nl_sock *sk = NULL;
	struct tap_link tap;
	int r = nl_open(&sk, cause), lock;

	if (r < 0)
		return r;
	r = tap_open_tuntap(&(struct tap_tun_config){.name = cfg->link_name}, &tap);
	if (r < 0)
		return cause_errno(cause, r, "tap device %s", cfg->link_name);
	plan_link(plan, &tap, "eth0", true);
	lock = lock_addresses(cfg);
	r = address_both(sk, cfg, tap.ifindex, plan, cause);
	/* EEXIST: somebody prepared the device with the address already. */
	if (r >= 0 && (r = nl_link_up(sk, tap.ifindex)) < 0)
		cause_errno(cause, r, "interface %s: up", cfg->link_name);
	if (lock >= 0)
		close(lock);
	if (r < 0) {
		close(tap.fd);
		return r;
	}
	*ret_fd = tap.fd;
	return 0;
}

void net_link_delete(const char *name)
{
	CLEANUP(nl_close_freep) struct nl_sock *sk = NULL;
	struct cause ignored;
	struct rtnl_link *link = NULL;

	if (nl_open(&sk, &ignored) < 0)
		return;
	if (rtnl_link_get_kernel(sk, 0, name, &link) >= 0) {
		(void)rtnl_link_delete(sk, link);
		rtnl_link_put(link);
	}
}
