/* SPDX-License-Identifier: Apache-2.0 */
/* IP-level ancillary data (ip(7), ipv6(7), udp(7)): cmsg bytes to and from the stack's values. */
#include <errno.h>
#include <time.h>
#include <linux/capability.h>
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "socket/inet.h"
#include "task/task.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif
/* The time stamps that one message can ask for (SOF_TIMESTAMPING_TX_RECORD_MASK). */
#define STAMPING_TX (1u | 2u | 1u << 8 | 1u << 9 | 1u << 18)
#ifndef TCP_CM_INQ
#define TCP_CM_INQ TCP_INQ
#endif

/* An int, or for IP_TOS and IP_TTL also a single byte. */
static int get_int(const uint8_t *data, size_t len, int32_t *ret)
{
	if (len == sizeof(int32_t)) {
		memcpy(ret, data, sizeof(*ret));
		return 0;
	}
	if (len == 1) {
		*ret = data[0];
		return 0;
	}
	return -EINVAL;
}

static int from_ip(struct net_ctl *ctl, int type, const uint8_t *data, size_t len)
{
	struct in_pktinfo pi;

	switch (type) {
	case IP_PKTINFO:
		if (len != sizeof(pi))
			return -EINVAL;
		memcpy(&pi, data, sizeof(pi));
		ctl->ifindex = pi.ipi_ifindex;
		if (pi.ipi_spec_dst.s_addr) {
			ctl->local.family = AF_INET;
			memcpy(ctl->local.v4, &pi.ipi_spec_dst, 4);
		}
		ctl->has |= NET_CTL_PKTINFO;
		return 0;
	case IP_TTL:
		if (get_int(data, len, &ctl->ttl) < 0 || ctl->ttl < 1 || ctl->ttl > 255)
			return -EINVAL;
		ctl->has |= NET_CTL_TTL;
		return 0;
	case IP_TOS:
		if (get_int(data, len, &ctl->tos) < 0 || ctl->tos < 0 || ctl->tos > 255)
			return -EINVAL;
		ctl->has |= NET_CTL_TOS;
		return 0;
	default:
		return -EINVAL;
	}
}

static int from_ipv6(struct net_ctl *ctl, int type, const uint8_t *data, size_t len)
{
	struct in6_pktinfo pi;

	switch (type) {
	case IPV6_PKTINFO:
		if (len != sizeof(pi))
			return -EINVAL;
		memcpy(&pi, data, sizeof(pi));
		ctl->ifindex = (net_link_id)pi.ipi6_ifindex;
		if (!IN6_IS_ADDR_UNSPECIFIED(&pi.ipi6_addr)) {
			ctl->local.family = AF_INET6;
			memcpy(ctl->local.v6, &pi.ipi6_addr, 16);
		}
		ctl->has |= NET_CTL_PKTINFO;
		return 0;
	case IPV6_HOPLIMIT:
		if (get_int(data, len, &ctl->ttl) < 0 || ctl->ttl < -1 || ctl->ttl > 255)
			return -EINVAL;
		if (ctl->ttl >= 0)
			ctl->has |= NET_CTL_TTL;
		return 0;
	case IPV6_TCLASS:
		if (get_int(data, len, &ctl->tos) < 0 || ctl->tos < -1 || ctl->tos > 255)
			return -EINVAL;
		if (ctl->tos >= 0)
			ctl->has |= NET_CTL_TOS;
		return 0;
	default:
		return -EINVAL;
	}
}

int inet_ctl_from_cmsg(struct task *t, const struct sock_msg *m, struct net_ctl *ctl)
{
	const uint8_t *data;
	size_t pos = 0;
	size_t len;
	int level, type;
	int r;

	while ((r = cmsg_next(m->control, m->control_len, &pos, &level, &type, &data, &len)) > 0) {
		if (level == IPPROTO_IP) {
			r = from_ip(ctl, type, data, len);
		} else if (level == IPPROTO_IPV6) {
			r = from_ipv6(ctl, type, data, len);
		} else if (level == IPPROTO_UDP && type == UDP_SEGMENT) {
			if (len != sizeof(ctl->segment_size))
				return -EINVAL;
			memcpy(&ctl->segment_size, data, sizeof(ctl->segment_size));
			ctl->has |= NET_CTL_SEGMENT;
		} else if (level == SOL_SOCKET && type == SO_MARK) {
			if (len != sizeof(ctl->mark))
				return -EINVAL;
			if (!task_has_cap(t, CAP_NET_ADMIN))
				return -EPERM;
			memcpy(&ctl->mark, data, sizeof(ctl->mark));
			ctl->has |= NET_CTL_MARK;
		} else if (level == SOL_SOCKET && (type == SO_TIMESTAMPING || type == 65)) {
			if (len != sizeof(ctl->stamping_flags))
				return -EINVAL;
			memcpy(&ctl->stamping_flags, data, sizeof(ctl->stamping_flags));
			if (ctl->stamping_flags & ~STAMPING_TX)
				return -EINVAL;
			ctl->has |= NET_CTL_STAMPING;
		} else if (level == SOL_SOCKET && type == 61 /* SCM_TXTIME */) {
			if (len != sizeof(ctl->txtime))
				return -EINVAL;
			memcpy(&ctl->txtime, data, sizeof(ctl->txtime));
			ctl->has |= NET_CTL_TXTIME;
		} else if (level == SOL_SOCKET && type == SO_PRIORITY) {
			if (len != sizeof(ctl->priority))
				return -EINVAL;
			memcpy(&ctl->priority, data, sizeof(ctl->priority));
			if (ctl->priority > 6 && !task_has_cap(t, CAP_NET_ADMIN))
				return -EPERM;
			ctl->has |= NET_CTL_PRIORITY;
		} else if (level == SOL_SOCKET && (type == SCM_RIGHTS || type == SCM_CREDENTIALS)) {
			r = 0; /* Linux ignores them on inet sockets */
		} else if (level == SOL_SOCKET) {
			return -EINVAL;
		}
		if (r < 0)
			return r;
	}
	return r;
}

static void put_timestamp(const struct net_ctl *ctl, struct cmsg_out *out)
{
	int64_t v[2] = { ctl->timestamp / 1000000000, ctl->timestamp % 1000000000 };

	/* The old and new names have the same layout on x86-64. */
	if (ctl->timestamp_type == SO_TIMESTAMP || ctl->timestamp_type == 63 /* SO_TIMESTAMP_NEW */)
		v[1] /= 1000;
	cmsg_put(out, SOL_SOCKET, ctl->timestamp_type, v, sizeof(v));
}

/* struct scm_timestamping: software, (unused), hardware. */
static void put_stamping(const struct net_ctl *ctl, struct cmsg_out *out)
{
	int64_t v[6] = { ctl->stamping / 1000000000, ctl->stamping % 1000000000 };

	cmsg_put(out, SOL_SOCKET, ctl->stamping_type, v, sizeof(v));
}

static void put_pktinfo(struct inet_sock *s, const struct net_ctl *ctl, int type6,
			struct cmsg_out *out)
{
	if (s->base.family == AF_INET) {
		struct in_pktinfo pi = { .ipi_ifindex = ctl->ifindex };

		memcpy(&pi.ipi_spec_dst, ctl->local.v4, 4);
		memcpy(&pi.ipi_addr, ctl->dst.v4, 4);
		cmsg_put(out, IPPROTO_IP, IP_PKTINFO, &pi, sizeof(pi));
	} else {
		struct in6_pktinfo pi = { .ipi6_ifindex = (unsigned)ctl->ifindex };

		if (ctl->dst.family == AF_INET) {
			pi.ipi6_addr.s6_addr[10] = 0xff;
			pi.ipi6_addr.s6_addr[11] = 0xff;
			memcpy(&pi.ipi6_addr.s6_addr[12], ctl->dst.v4, 4);
		} else {
			memcpy(&pi.ipi6_addr, ctl->dst.v6, 16);
		}
		cmsg_put(out, IPPROTO_IPV6, type6, &pi, sizeof(pi));
	}
}

static void put_error(struct inet_sock *s, const struct net_sock_err *e, struct cmsg_out *out)
{
	struct {
		struct sock_extended_err ee;
		union {
			struct sockaddr_in v4;
			struct sockaddr_in6 v6;
		} offender;
	} msg = { .ee = { .ee_errno = e->err, .ee_origin = e->origin, .ee_type = e->type,
			  .ee_code = e->code, .ee_info = e->info, .ee_data = e->data } };
	bool v6 = s->base.family == AF_INET6;
	size_t len = sizeof(msg.ee) + (v6 ? sizeof(msg.offender.v6) : sizeof(msg.offender.v4));

	if (e->offender.family && !v6) {
		msg.offender.v4.sin_family = AF_INET;
		memcpy(&msg.offender.v4.sin_addr, e->offender.v4, 4);
	} else if (e->offender.family) {
		msg.offender.v6.sin6_family = AF_INET6;
		if (e->offender.family == AF_INET) {
			msg.offender.v6.sin6_addr.s6_addr[10] = 0xff;
			msg.offender.v6.sin6_addr.s6_addr[11] = 0xff;
			memcpy(&msg.offender.v6.sin6_addr.s6_addr[12], e->offender.v4, 4);
		} else {
			memcpy(&msg.offender.v6.sin6_addr, e->offender.v6, 16);
		}
	}
	cmsg_put(out, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &msg, len);
}

static void put_origdst(struct inet_sock *s, const struct net_endpoint *e, struct cmsg_out *out)
{
	if (s->base.family == AF_INET) {
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(e->port) };

		memcpy(&a.sin_addr, e->addr.v4, 4);
		cmsg_put(out, IPPROTO_IP, IP_ORIGDSTADDR, &a, sizeof(a));
	} else {
		struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(e->port) };

		memcpy(&a.sin6_addr, e->addr.v6, 16);
		cmsg_put(out, IPPROTO_IPV6, IPV6_ORIGDSTADDR, &a, sizeof(a));
	}
}

void inet_ctl_to_cmsg(struct inet_sock *s, const struct net_ctl *ctl, struct cmsg_out *out)
{
	bool v6 = s->base.family == AF_INET6;
	int32_t v;

	if (ctl->has & NET_CTL_TIMESTAMP)
		put_timestamp(ctl, out);
	if (ctl->has & NET_CTL_STAMPING)
		put_stamping(ctl, out);
	if (ctl->has & NET_CTL_MARK)
		cmsg_put(out, SOL_SOCKET, SO_MARK, &ctl->mark, sizeof(ctl->mark));
	if (ctl->has & NET_CTL_PRIORITY)
		cmsg_put(out, SOL_SOCKET, SO_PRIORITY, &ctl->priority, sizeof(ctl->priority));
	if (ctl->has & NET_CTL_RXQ_OVFL)
		cmsg_put(out, SOL_SOCKET, SO_RXQ_OVFL, &ctl->rxq_ovfl, sizeof(ctl->rxq_ovfl));
	if (ctl->has & NET_CTL_PKTINFO)
		put_pktinfo(s, ctl, IPV6_PKTINFO, out);
	if (ctl->has & NET_CTL_PKTINFO_OLD)
		put_pktinfo(s, ctl, 2 /* IPV6_2292PKTINFO */, out);
	if (ctl->has & NET_CTL_TTL)
		cmsg_put(out, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HOPLIMIT : IP_TTL, &ctl->ttl,
			 sizeof(ctl->ttl));
	if (ctl->has & NET_CTL_TOS) {
		uint8_t tos = (uint8_t)ctl->tos;

		if (v6)
			cmsg_put(out, IPPROTO_IPV6, IPV6_TCLASS, &ctl->tos, sizeof(ctl->tos));
		else
			cmsg_put(out, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	}
	if (ctl->has & NET_CTL_OPTS)
		cmsg_put(out, IPPROTO_IP, IP_RECVOPTS, ctl->opts, ctl->opts_len);
	if (ctl->has & NET_CTL_RETOPTS)
		cmsg_put(out, IPPROTO_IP, IP_RETOPTS, ctl->opts, ctl->opts_len);
	if (ctl->has & NET_CTL_FRAGSIZE)
		cmsg_put(out, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? 77 /* IPV6_RECVFRAGSIZE */ : 25,
			 &ctl->frag_size, sizeof(ctl->frag_size));
	if (ctl->has & NET_CTL_FLOWINFO) {
		uint32_t be = htonl(ctl->flowinfo);

		cmsg_put(out, IPPROTO_IPV6, 11 /* IPV6_FLOWINFO */, &be, sizeof(be));
	}
	if (ctl->has & NET_CTL_HOPS_OLD)
		cmsg_put(out, IPPROTO_IPV6, 8 /* IPV6_2292HOPLIMIT */, &ctl->ttl, sizeof(ctl->ttl));
	if (ctl->has & NET_CTL_ORIGDST)
		put_origdst(s, &ctl->origdst, out);
	if (ctl->has & NET_CTL_SEGMENT) {
		v = ctl->segment_size;
		cmsg_put(out, IPPROTO_UDP, UDP_GRO, &v, sizeof(v));
	}
	if (ctl->has & NET_CTL_INQ) {
		v = (int32_t)ctl->inq;
		cmsg_put(out, IPPROTO_TCP, TCP_CM_INQ, &v, sizeof(v));
	}
	if (ctl->has & NET_CTL_AUXDATA) {
		struct tpacket_auxdata aux = { .tp_status = ctl->aux.status, .tp_len = ctl->aux.len,
					       .tp_snaplen = ctl->aux.snaplen, .tp_mac = ctl->aux.mac,
					       .tp_net = ctl->aux.net };

		cmsg_put(out, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof(aux));
	}
	if (ctl->has & NET_CTL_ERROR)
		put_error(s, &ctl->error, out);
}
