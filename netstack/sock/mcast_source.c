/* SPDX-License-Identifier: Apache-2.0 */
/* Source filters of memberships: the socket interface of RFC 3678, with Linux's errnos. A filter decides
 * which senders of a group the socket hears.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/mcast.h"

enum op {
	OP_ADD,	 /* into an include list */
	OP_DROP, /* out of it */
	OP_BLOCK,
	OP_UNBLOCK,
};

struct request {
	struct net_addr group, source;
	net_link_id link;
	enum op op;
};

static struct net_addr addr_of(const struct sockaddr_storage *ss)
{
	struct net_addr a = {.family = ss->ss_family};
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	if (ss->ss_family == AF_INET) {
		memcpy(&sin, ss, sizeof(sin));
		memcpy(a.v4, &sin.sin_addr, 4);
	} else {
		memcpy(&sin6, ss, sizeof(sin6));
		memcpy(a.v6, &sin6.sin6_addr, 16);
	}
	return a;
}

static enum op op_of(int name)
{
	switch (name) {
	case IP_BLOCK_SOURCE:
	case MCAST_BLOCK_SOURCE:
		return OP_BLOCK;
	case IP_UNBLOCK_SOURCE:
	case MCAST_UNBLOCK_SOURCE:
		return OP_UNBLOCK;
	case IP_ADD_SOURCE_MEMBERSHIP:
	case MCAST_JOIN_SOURCE_GROUP:
		return OP_ADD;
	default:
		return OP_DROP;
	}
}

/* 0 or -EADDRNOTAVAIL (families), -ENODEV. */
static int read_request(struct sock *sk, struct request *q, int name, int family, const void *value)
{
	struct ip_mreq_source mreq;
	struct group_source_req req;
	struct ifaddr *ia;
	struct net_addr on = {.family = AF_INET};

	*q = (struct request){.op = op_of(name)};
	if (name <= IP_DROP_SOURCE_MEMBERSHIP) {
		memcpy(&mreq, value, sizeof(mreq));
		q->group.family = q->source.family = AF_INET;
		memcpy(q->group.v4, &mreq.imr_multiaddr, 4);
		memcpy(q->source.v4, &mreq.imr_sourceaddr, 4);
		memcpy(on.v4, &mreq.imr_interface, 4);
		ia = mreq.imr_interface.s_addr ? ifaddr_find(sk->ip, &on) : NULL;
		if (mreq.imr_interface.s_addr && !ia)
			return -ENODEV;
		q->link = ia ? ia->link->id : 0;
		return 0;
	}
	memcpy(&req, value, sizeof(req));
	if (req.gsr_group.ss_family != family || req.gsr_source.ss_family != family)
		return -EADDRNOTAVAIL;
	q->group = addr_of(&req.gsr_group);
	q->source = addr_of(&req.gsr_source);
	q->link = (net_link_id)req.gsr_interface;
	return 0;
}

static uint32_t find_source(const struct mcast_member *m, const struct net_addr *source)
{
	uint32_t i;

	for (i = 0; i < m->nsources; i++)
		if (addr_eq(&m->sources[i], source))
			break;
	return i;
}

static int remove_source(struct mcast_member *m, const struct request *q)
{
	uint32_t i = find_source(m, &q->source);

	if (i == m->nsources)
		return -EADDRNOTAVAIL;
	m->sources[i] = m->sources[--m->nsources];
	return 0;
}

/* net.ipv4.igmp_max_msf, net.ipv6.mld_max_msf. */
static uint32_t source_limit(const struct sock *sk, uint16_t family)
{
	const struct net_tunables *tun = &sk->core->tun;

	return (uint32_t)(family == AF_INET ? tun->igmp_max_msf : tun->mld_max_msf);
}

static int add_source(const struct sock *sk, struct mcast_member *m, const struct request *q)
{
	struct net_addr *sources;

	if (m->nsources >= source_limit(sk, q->group.family))
		return -ENOBUFS;
	if (find_source(m, &q->source) < m->nsources)
		return -EADDRNOTAVAIL;
	sources = realloc(m->sources, (m->nsources + 1) * sizeof(*sources));
	if (!sources)
		return -ENOBUFS;
	m->sources = sources;
	m->sources[m->nsources++] = q->source;
	return 0;
}

static int apply(struct sock *sk, const struct request *q)
{
	bool include = q->op == OP_ADD || q->op == OP_DROP;
	struct mcast_member *m;
	int r;

	if (!addr_is_multicast(&q->group))
		return -EINVAL;
	if (q->op == OP_ADD) {
		r = mcast_sock_join_source(sk, &q->group, &q->source, q->link);
		if (r != -EADDRINUSE)
			return r;
		m = mcast_sock_find(sk, &q->group, q->link);
	} else {
		m = mcast_sock_find(sk, &q->group, q->link);
	}
	if (!m)
		return -EINVAL;
	/* The mode changes only while the list is empty. */
	if (m->include != include && m->nsources)
		return -EINVAL;
	m->include = include;
	if (q->op == OP_ADD || q->op == OP_BLOCK) {
		r = add_source(sk, m, q);
	} else if (m->nsources == 1 && m->include && find_source(m, &q->source) == 0) {
		return mcast_sock_leave(sk, &q->group, m->link);
	} else {
		r = remove_source(m, q);
	}
	if (r == 0)
		mcast_member_changed(sk, m);
	return r;
}

/* The whole filter at once. */
struct filter {
	struct net_addr group;
	net_link_id link;
	uint32_t mode, n;
	size_t first; /* offset of the sources */
	size_t each;
};

static int read_filter(struct sock *sk, struct filter *f, int name, int family, const void *value,
		       size_t len)
{
	struct ip_msfilter old;
	struct group_filter now;
	struct net_addr on = {.family = AF_INET};
	struct ifaddr *ia;

	if (name == IP_MSFILTER) {
		memcpy(&old, value, IP_MSFILTER_SIZE(0));
		memcpy(on.v4, &old.imsf_interface, 4);
		ia = old.imsf_interface.s_addr ? ifaddr_find(sk->ip, &on) : NULL;
		*f = (struct filter){.group.family = AF_INET,
				     .link = ia ? ia->link->id : 0,
				     .mode = old.imsf_fmode,
				     .n = old.imsf_numsrc,
				     .first = IP_MSFILTER_SIZE(0),
				     .each = 4};
		memcpy(f->group.v4, &old.imsf_multiaddr, 4);
	} else {
		memcpy(&now, value, GROUP_FILTER_SIZE(0));
		*f = (struct filter){.group = addr_of(&now.gf_group),
				     .link = (net_link_id)now.gf_interface,
				     .mode = now.gf_fmode,
				     .n = now.gf_numsrc,
				     .first = GROUP_FILTER_SIZE(0),
				     .each = sizeof(struct sockaddr_storage)};
		if (now.gf_group.ss_family != family)
			return -EINVAL;
	}
	if (f->n > source_limit(sk, f->group.family))
		return -ENOBUFS;
	if (f->first + f->n * f->each > len)
		return -EINVAL;
	return 0;
}

static int set_filter(struct sock *sk, int name, int family, const void *value, size_t len)
{
	struct net_addr *sources = NULL;
	struct mcast_member *m;
	struct filter f;
	int r = read_filter(sk, &f, name, family, value, len);

	if (r < 0)
		return r;
	if (!addr_is_multicast(&f.group) || f.mode > MCAST_INCLUDE)
		return -EINVAL;
	if (f.mode == MCAST_INCLUDE && !f.n)
		return mcast_sock_leave(sk, &f.group, f.link);
	m = mcast_sock_find(sk, &f.group, f.link);
	if (!m)
		return -EINVAL;
	if (f.n) {
		sources = calloc(f.n, sizeof(*sources));
		if (!sources)
			return -ENOBUFS;
	}
	for (uint32_t i = 0; i < f.n; i++) {
		const uint8_t *at = (const uint8_t *)value + f.first + i * f.each;
		struct sockaddr_storage ss;

		if (f.each == 4) {
			sources[i].family = AF_INET;
			memcpy(sources[i].v4, at, 4);
		} else {
			memcpy(&ss, at, sizeof(ss));
			sources[i] = addr_of(&ss);
		}
	}
	free(m->sources);
	m->sources = sources;
	m->nsources = f.n;
	m->include = f.mode == MCAST_INCLUDE;
	mcast_member_changed(sk, m);
	return 0;
}

int mcast_source_setopt(struct sock *sk, int name, const void *value, socklen_t len, int family)
{
	struct request q;
	int r;

	if (name == IP_MSFILTER || name == MCAST_MSFILTER)
		return set_filter(sk, name, family, value, len);
	r = read_request(sk, &q, name, family, value);
	return r < 0 ? r : apply(sk, &q);
}

int mcast_source_getopt(struct sock *sk, int name, void *value, socklen_t *len, int family)
{
	struct mcast_member *m;
	struct filter f;
	uint32_t room, n;
	uint8_t *out = value;
	int r = read_filter(sk, &f, name, family, value, SIZE_MAX);

	if (r < 0)
		return r == -ENOBUFS ? -EINVAL : r;
	if (!addr_is_multicast(&f.group))
		return -EINVAL;
	m = mcast_sock_find(sk, &f.group, f.link);
	if (!m)
		return -EADDRNOTAVAIL;
	room = (uint32_t)MIN((*len - f.first) / f.each, (size_t)f.n);
	n = MIN(room, m->nsources);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *at = out + f.first + i * f.each;
		struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
		struct sockaddr_in sin = {.sin_family = AF_INET};

		if (f.each == 4) {
			memcpy(at, m->sources[i].v4, 4);
			continue;
		}
		memset(at, 0, f.each);
		memcpy(&sin.sin_addr, m->sources[i].v4, 4);
		memcpy(&sin6.sin6_addr, m->sources[i].v6, 16);
		if (family == AF_INET)
			memcpy(at, &sin, sizeof(sin));
		else
			memcpy(at, &sin6, sizeof(sin6));
	}
	uint32_t mode = m->include ? MCAST_INCLUDE : MCAST_EXCLUDE;

	if (name == IP_MSFILTER) {
		memcpy(out + offsetof(struct ip_msfilter, imsf_fmode), &mode, 4);
		memcpy(out + offsetof(struct ip_msfilter, imsf_numsrc), &m->nsources, 4);
	} else {
		memcpy(out + offsetof(struct group_filter, gf_fmode), &mode, 4);
		memcpy(out + offsetof(struct group_filter, gf_numsrc), &m->nsources, 4);
	}
	*len = (socklen_t)(f.first + n * f.each);
	return 0;
}
