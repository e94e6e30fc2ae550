/* SPDX-License-Identifier: Apache-2.0 */
/* sock_diag of AF_UNIX, AF_NETLINK and AF_PACKET. */
#include <errno.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/diag.h"
#include "socket/unix.h"

#define ROOM 64 /* sockets that may appear between counting and looking */

static size_t rows_of(struct unix_info **ret)
{
	size_t n = unix_snapshot(NULL, 0) + ROOM;

	*ret = calloc(n, sizeof(**ret));
	return *ret ? MIN(unix_snapshot(*ret, n), n) : 0;
}

static void put_unix(struct nl_req *rq, const struct unix_info *u, uint32_t show)
{
	struct unix_diag_msg m = { .udiag_family = AF_UNIX, .udiag_type = (uint8_t)u->type,
				   .udiag_state = u->state, .udiag_ino = (uint32_t)u->inode,
				   .udiag_cookie = { (uint32_t)u->inode, (uint32_t)(u->inode >> 32) } };
	struct unix_diag_vfs vfs = { (uint32_t)u->vfs_ino, (uint32_t)u->vfs_dev };
	struct unix_diag_rqlen q = { u->rqueue, u->wqueue };
	uint32_t mem[SK_MEMINFO_VARS] = { [SK_MEMINFO_RMEM_ALLOC] = u->state == 10 ? 0 : u->rqueue,
					  [SK_MEMINFO_RCVBUF] = u->rcvbuf,
					  [SK_MEMINFO_SNDBUF] = u->sndbuf };
	struct nl_out *o = &rq->out;

	nl_answer(rq, SOCK_DIAG_BY_FAMILY, &m, sizeof(m));
	if ((show & UDIAG_SHOW_NAME) && u->name_len > offsetof(struct sockaddr_un, sun_path))
		nl_put(o, UNIX_DIAG_NAME, u->name.sun_path,
		       u->name_len - offsetof(struct sockaddr_un, sun_path));
	if ((show & UDIAG_SHOW_VFS) && u->vfs_ino)
		nl_put(o, UNIX_DIAG_VFS, &vfs, sizeof(vfs));
	if ((show & UDIAG_SHOW_PEER) && u->peer)
		nl_put_u32(o, UNIX_DIAG_PEER, (uint32_t)u->peer);
	if (show & UDIAG_SHOW_RQLEN)
		nl_put(o, UNIX_DIAG_RQLEN, &q, sizeof(q));
	if (show & UDIAG_SHOW_MEMINFO)
		nl_put(o, UNIX_DIAG_MEMINFO, mem, sizeof(mem));
	nl_put_u8(o, UNIX_DIAG_SHUTDOWN, u->shutdown);
	if (show & UDIAG_SHOW_UID)
		nl_put_u32(o, UNIX_DIAG_UID, u->uid);
	nl_end(o);
}

int diag_unix(struct nl_req *rq)
{
	struct unix_diag_req q;
	struct unix_info *rows;
	int r = 0;

	if (rq->len < sizeof(q))
		return -EINVAL;
	memcpy(&q, rq->body, sizeof(q));
	if (!rq->dump && !q.udiag_ino)
		return -EINVAL;

	size_t n = rows_of(&rows);

	if (!rows)
		return -ENOMEM;
	if (!rq->dump)
		r = -ENOENT;
	for (size_t i = 0; i < n; i++) {
		if (rq->dump ? !(q.udiag_states >> rows[i].state & 1)
			     : (uint32_t)rows[i].inode != q.udiag_ino)
			continue;
		put_unix(rq, &rows[i], q.udiag_show);
		r = 0;
	}
	free(rows);
	return r;
}

static void put_netlink(struct nl_req *rq, const struct nl_info *s, uint32_t show)
{
	struct netlink_diag_msg m = { .ndiag_family = AF_NETLINK, .ndiag_type = (uint8_t)s->type,
				      .ndiag_protocol = (uint8_t)s->protocol,
				      .ndiag_state = s->peer ? 1 : 0, /* NETLINK_CONNECTED */
				      .ndiag_portid = s->port, .ndiag_dst_portid = s->peer,
				      .ndiag_ino = (uint32_t)s->inode,
				      .ndiag_cookie = { (uint32_t)s->inode, 0 } };
	uint32_t mem[SK_MEMINFO_VARS] = { [SK_MEMINFO_RMEM_ALLOC] = s->rmem,
					  [SK_MEMINFO_RCVBUF] = s->rcvbuf,
					  [SK_MEMINFO_SNDBUF] = s->sndbuf,
					  [SK_MEMINFO_DROPS] = s->drops };
	uint32_t flags = (s->pktinfo ? NDIAG_FLAG_PKTINFO : 0) |
			 (s->broadcast_error ? NDIAG_FLAG_BROADCAST_ERROR : 0) |
			 (s->no_enobufs ? NDIAG_FLAG_NO_ENOBUFS : 0) |
			 (s->cap_ack ? NDIAG_FLAG_CAP_ACK : 0);

	nl_answer(rq, SOCK_DIAG_BY_FAMILY, &m, sizeof(m));
	if (show & NDIAG_SHOW_GROUPS)
		nl_put(&rq->out, NETLINK_DIAG_GROUPS, s->groups, sizeof(s->groups));
	if (show & NDIAG_SHOW_MEMINFO)
		nl_put(&rq->out, NETLINK_DIAG_MEMINFO, mem, sizeof(mem));
	if (show & NDIAG_SHOW_FLAGS)
		nl_put_u32(&rq->out, NETLINK_DIAG_FLAGS, flags);
	nl_end(&rq->out);
}

int diag_netlink(struct nl_req *rq)
{
	struct netlink_diag_req q;
	size_t n = nl_snapshot(rq->sock->ns, NULL, 0) + ROOM;
	struct nl_info *rows;

	if (rq->len < sizeof(q))
		return -EINVAL;
	memcpy(&q, rq->body, sizeof(q));
	if (!rq->dump)
		return -EOPNOTSUPP;
	rows = calloc(n, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	n = MIN(nl_snapshot(rq->sock->ns, rows, n), n);
	for (size_t i = 0; i < n; i++) {
		if (q.sdiag_protocol == NDIAG_PROTO_ALL || q.sdiag_protocol == rows[i].protocol)
			put_netlink(rq, &rows[i], q.ndiag_show);
	}
	free(rows);
	return 0;
}

/* Packet sockets: there are none yet to be shown. */
int diag_packet(struct nl_req *rq)
{
	struct packet_diag_req q;

	if (rq->len < sizeof(q))
		return -EINVAL;
	memcpy(&q, rq->body, sizeof(q));
	if (q.sdiag_protocol)
		return -EINVAL;
	return rq->dump ? 0 : -EOPNOTSUPP;
}
