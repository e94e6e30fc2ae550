/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages between bytes and the stack's values. */
#include <time.h>

#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "nsdrill/ns_priv.h"

void ns_control_get(const struct msghdr *msg, struct net_ctl *ctl)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm;
	     cm = CMSG_NXTHDR((struct msghdr *)msg, cm)) {
		int32_t v;

		if (cm->cmsg_len < CMSG_LEN(sizeof(v)))
			continue;
		memcpy(&v, CMSG_DATA(cm), sizeof(v));
		if ((cm->cmsg_level == SOL_IP && cm->cmsg_type == IP_TTL) ||
		    (cm->cmsg_level == SOL_IPV6 && cm->cmsg_type == IPV6_HOPLIMIT)) {
			ctl->has |= NET_CTL_TTL;
			ctl->ttl = v;
		} else if ((cm->cmsg_level == SOL_IP && cm->cmsg_type == IP_TOS) ||
			   (cm->cmsg_level == SOL_IPV6 && cm->cmsg_type == IPV6_TCLASS)) {
			ctl->has |= NET_CTL_TOS;
			ctl->tos = v;
		} else if (cm->cmsg_level == SOL_UDP && cm->cmsg_type == UDP_SEGMENT) {
			ctl->has |= NET_CTL_SEGMENT;
			ctl->segment_size = (uint16_t)v;
		}
	}
}

struct out {
	struct msghdr *msg;
	size_t len;
};

static void add(struct out *o, int level, int type, const void *data, size_t len)
{
	if (o->len + CMSG_SPACE(len) > o->msg->msg_controllen) {
		o->msg->msg_flags |= MSG_CTRUNC;
		return;
	}

	struct cmsghdr *cm = (struct cmsghdr *)((char *)o->msg->msg_control + o->len);

	memset(cm, 0, CMSG_SPACE(len));
	cm->cmsg_level = level;
	cm->cmsg_type = type;
	cm->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cm), data, len);
	o->len += CMSG_SPACE(len);
}

static void add_error(struct out *o, const struct net_sock_err *e, bool v4)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 from;
	} data = {0};

	data.ee.ee_errno = e->err;
	data.ee.ee_origin = e->origin;
	data.ee.ee_type = e->type;
	data.ee.ee_code = e->code;
	data.ee.ee_info = e->info;
	data.ee.ee_data = e->data;
	data.from.sin6_family = e->offender.family;
	if (v4)
		add(o, SOL_IP, IP_RECVERR, &data,
		    sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in));
	else
		add(o, SOL_IPV6, IPV6_RECVERR, &data, sizeof(data));
}

void ns_control_put(struct msghdr *msg, const struct net_ctl *ctl, int family)
{
	struct out o = {msg, 0};
	bool v4 = family == AF_INET;

	if (ctl->has & NET_CTL_TIMESTAMP) {
		struct timeval tv = {ctl->timestamp / 1000000000, ctl->timestamp / 1000 % 1000000};

		add(&o, SOL_SOCKET, SO_TIMESTAMP, &tv, sizeof(tv));
	}
	if (ctl->has & NET_CTL_STAMPING) {
		struct scm_timestamping ts = {0};

		ts.ts[0].tv_sec = ctl->stamping / 1000000000;
		ts.ts[0].tv_nsec = ctl->stamping % 1000000000;
		add(&o, SOL_SOCKET, SCM_TIMESTAMPING, &ts, sizeof(ts));
	}
	if (ctl->has & NET_CTL_INQ)
		add(&o, SOL_TCP, TCP_CM_INQ, &(int32_t){(int32_t)ctl->inq}, 4);
	if (ctl->has & NET_CTL_TTL)
		add(&o, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TTL : IPV6_HOPLIMIT, &ctl->ttl, 4);
	if (ctl->has & NET_CTL_TOS) {
		if (v4)
			add(&o, SOL_IP, IP_TOS, &(uint8_t){(uint8_t)ctl->tos}, 1);
		else
			add(&o, SOL_IPV6, IPV6_TCLASS, &ctl->tos, 4);
	}
	if (ctl->has & NET_CTL_SEGMENT)
		add(&o, SOL_UDP, UDP_GRO, &(int32_t){ctl->segment_size}, 4);
	if (ctl->has & NET_CTL_ERROR)
		add_error(&o, &ctl->error, v4);
	msg->msg_controllen = o.len;
}
