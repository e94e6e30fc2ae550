/* SPDX-License-Identifier: Apache-2.0 */
#include "net/nl.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/log.h"

int nl_errno(int nl_error)
{
	switch (nl_error < 0 ? -nl_error : nl_error) {
	case 0:
		return 0;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_OBJ_NOTFOUND:
	case NLE_NODEV:
		return -ENODEV;
	case NLE_NOADDR:
		return -EADDRNOTAVAIL;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

int nl_open(struct nl_sock **ret, struct cause *cause)
{
	struct nl_sock *sk = nl_socket_alloc();
	int r;

	if (!sk)
		return cause_errno(cause, -ENOMEM, "netlink");
	r = nl_connect(sk, NETLINK_ROUTE);
	if (r < 0) {
		nl_socket_free(sk);
		return cause_errno(cause, nl_errno(r), "netlink");
	}
	*ret = sk;
	return 0;
}

int netns_enter(int netns_fd, struct cause *cause)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return cause_errno(cause, -errno, "/proc/self/ns/net");
	if (setns(netns_fd, CLONE_NEWNET) < 0) {
		int r = cause_errno(cause, -errno, "network namespace of the container");

		close(home);
		return r;
	}
	return home;
}

void netns_leave(int home_fd)
{
	if (setns(home_fd, CLONE_NEWNET) < 0) {
		/* Going on in the container's namespace would touch the wrong interfaces. */
		log_error("cannot return to the host's network namespace");
		abort();
	}
	close(home_fd);
}

int nl_link_up(struct nl_sock *sk, int ifindex)
{
	struct rtnl_link *orig = NULL, *change = rtnl_link_alloc();
	int r;

	if (!change)
		return -ENOMEM;
	r = rtnl_link_get_kernel(sk, ifindex, NULL, &orig);
	if (r >= 0) {
		rtnl_link_set_flags(change, IFF_UP);
		r = rtnl_link_change(sk, orig, change, 0);
	}
	rtnl_link_put(change);
	if (orig)
		rtnl_link_put(orig);
	return nl_errno(r);
}

int nl_addr_change(struct nl_sock *sk, int ifindex, const struct net_plan_addr *a, bool add,
		   unsigned flags)
{
	struct nl_addr *local = nl_addr_build(a->family, a->addr, a->family == AF_INET ? 4 : 16);
	struct rtnl_addr *addr = rtnl_addr_alloc();
	int r = -NLE_NOMEM;

	if (local && addr) {
		nl_addr_set_prefixlen(local, a->prefix_len);
		rtnl_addr_set_ifindex(addr, ifindex);
		rtnl_addr_set_local(addr, local);
		if (flags)
			rtnl_addr_set_flags(addr, flags);
		r = add ? rtnl_addr_add(sk, addr, 0) : rtnl_addr_delete(sk, addr, 0);
	}
	if (addr)
		rtnl_addr_put(addr);
	if (local)
		nl_addr_put(local);
	return nl_errno(r);
}
