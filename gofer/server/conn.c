/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: bytes to frames, frames to requests, replies to bytes.
 *
 * At most one reply is pending. While the client does not take it, nothing more is read from that
 * client: its memory here is two messages, whatever it sends.
 * A malformed frame ends the connection: its framing can no longer be trusted.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "fs/attr.h"
#include "fs/host.h"
#include "util/bytes.h"

#define FRAMES_PER_TURN 64 /* then the other connections get theirs */
#define SEQPACKET_OVERHEAD 4096

static void conn_fail(struct conn *conn, const char *what, int err)
{
	server_log(conn->server, "connection %zu: %s (%s): ending it", conn->index, what,
		   strerrordesc_np(-err));
	conn_end(conn);
}

/* How large a message the socket takes: a seqpacket one must fit its send buffer whole. */
static uint32_t socket_msize(const struct conn *conn, uint32_t msize)
{
	int size = 0;
	socklen_t len = sizeof(size);

	if (!conn->seqpacket)
		return msize;
	if (getsockopt(conn->sock, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0 ||
	    size < (int)(P9_MSIZE_MIN + SEQPACKET_OVERHEAD))
		return P9_MSIZE_MIN;
	return MIN(msize, (uint32_t)size - SEQPACKET_OVERHEAD);
}

static int conn_init_socket(struct conn *conn)
{
	int type = 0;
	int domain = 0;
	socklen_t len = sizeof(int);
	int flags;

	if (getsockopt(conn->sock, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -errno;
	len = sizeof(int);
	if (getsockopt(conn->sock, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -errno;
	if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
		return -EPROTOTYPE;
	conn->seqpacket = type == SOCK_SEQPACKET;
	conn->local = domain == AF_UNIX;
	flags = fcntl(conn->sock, F_GETFL);
	if (flags < 0 || fcntl(conn->sock, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int conn_init(struct conn *conn, struct server *server, size_t index,
	      const struct gofer_mount *mount)
{
	struct statx stx;
	int root;
	int r;

	*conn = (struct conn){.server = server,
			      .index = index,
			      .sock = mount->sock_fd,
			      .readonly = mount->readonly,
			      .tx_fd = -1};
	list_init(&conn->nodes);
	r = conn_init_socket(conn);
	if (r < 0)
		goto fail;
	conn->buf_len = conn->msize = socket_msize(conn, server->limits.msize);
	conn->rx = malloc(conn->buf_len);
	conn->tx = malloc(conn->buf_len);
	r = -ENOMEM;
	if (!conn->rx || !conn->tx || hash_init(&conn->fids, 8) < 0)
		goto fail;
	root = fcntl(mount->root_fd, F_DUPFD_CLOEXEC, 3);
	r = root < 0 ? -errno : node_new(&conn->root, conn, root, &stx);
	if (r < 0) {
		host_close(root);
		goto fail;
	}
	conn->dev = attr_dev(&stx);

	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, conn->sock, &event) < 0) {
		r = -errno;
		goto fail;
	}
	server->n_open++;
	return 0;
fail:
	conn->sock = -1;
	conn_end(conn);
	return r;
}

HOST_SYSCALL(shutdown);
void conn_end(struct conn *conn)
{
	if (conn->sock >= 0) {
		(void)epoll_ctl(conn->server->epoll_fd, EPOLL_CTL_DEL, conn->sock, NULL);
		(void)shutdown(conn->sock, SHUT_RDWR); /* the caller closes it */
		conn->sock = -1;
		conn->server->n_open--;
	}
	if (conn->fids.slots) {
		fid_free_all(conn);
		hash_fini(&conn->fids);
	}
	if (conn->tx_fd_owned)
		host_close(conn->tx_fd);
	conn->tx_fd = -1;
	conn->tx_fd_owned = false;
	conn->root = node_unref(conn, conn->root);
	free(conn->rx);
	free(conn->tx);
	conn->rx = conn->tx = NULL;
	conn->rx_len = conn->tx_len = 0;
}

bool conn_wants_write(const struct conn *conn)
{
	return conn->tx_len != 0;
}

static void tx_done(struct conn *conn)
{
	if (conn->tx_fd_owned)
		host_close(conn->tx_fd);
	conn->tx_fd = -1;
	conn->tx_fd_owned = false;
}

HOST_SYSCALL(sendmsg);
static ssize_t send_some(struct conn *conn)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl = {0};
	struct iovec iov = {.iov_base = conn->tx + conn->tx_off,
			    .iov_len = conn->tx_len - conn->tx_off};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	if (conn->tx_fd >= 0) {
		mh.msg_control = ctl.buf;
		mh.msg_controllen = sizeof(ctl.buf);

		struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &conn->tx_fd, sizeof(int));
	}

	ssize_t n = sendmsg(conn->sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static void encode_reply(struct conn *conn, const struct p9_msg *reply)
{
	struct wr out;
	int len;

	wr_init(&out, conn->tx, conn->msize);
	len = p9_encode(&out, reply);
	if (len < 0) {
		/* A reply larger than the negotiated message; the client chose too small a one. */
		struct p9_msg err = {.type = P9_RLERROR, .tag = reply->tag};

		tx_done(conn);
		err.rlerror.ecode = EMSGSIZE;
		wr_init(&out, conn->tx, conn->msize);
		len = p9_encode(&out, &err);
	}
	conn->tx_off = 0;
	conn->tx_len = (size_t)len;
}

/* Too many fds are in flight to receivers that do not take them: this reply goes without, as an
 * error, the request's effect notwithstanding. */
static void refuse_fd(struct conn *conn)
{
	struct p9_msg err = {.type = P9_RLERROR, .tag = load_le16(conn->tx + 5)};

	tx_done(conn);
	err.rlerror.ecode = ENFILE;
	encode_reply(conn, &err);
}

/* Sends what is pending. 0, also if the client does not take it now, or -errno. */
static int conn_send(struct conn *conn)
{
	while (conn->tx_len) {
		ssize_t n = send_some(conn);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return 0;
		if (n == -ETOOMANYREFS && conn->tx_fd >= 0) {
			refuse_fd(conn);
			continue;
		}
		if (n < 0)
			return (int)n;
		tx_done(conn);
		conn->tx_off += (size_t)n;
		if (conn->tx_off == conn->tx_len)
			conn->tx_len = conn->tx_off = 0;
	}
	return 0;
}

/* Handles the one frame at @frame. 0 or -errno, fatal to the connection. */
static int conn_frame(struct conn *conn, const uint8_t *frame, size_t len)
{
	struct p9_msg req;
	struct p9_msg reply;
	struct rd in;
	int r;

	rd_init(&in, frame, len);
	r = p9_decode(&req, &in);
	if (r < 0) {
		const char *name = p9_type_name(req.type);

		server_log(conn->server, "connection %zu: malformed %s, type %u tag %u length %zu",
			   conn->index, name ? name : "message", req.type, req.tag, len);
		return r;
	}
	dispatch(conn, &req, &reply);
	if (reply.type == P9_RLERROR)
		tx_done(conn); /* an fd was ready to go when the operation failed */
	encode_reply(conn, &reply);
	return conn_send(conn);
}

/* Handles the complete frames in the receive buffer, as far as replies get through. Returns bytes
 * consumed or -errno. */
static ssize_t conn_frames(struct conn *conn, unsigned *budget)
{
	size_t at = 0;

	while (!conn->tx_len && *budget && conn->rx_len - at >= P9_HDR_LEN) {
		uint32_t len = load_le32(conn->rx + at);

		if (len < P9_HDR_LEN || len > conn->msize)
			return -EMSGSIZE;
		if (len > conn->rx_len - at)
			break;

		int r = conn_frame(conn, conn->rx + at, len);

		if (r < 0)
			return r;
		at += len;
		(*budget)--;
	}
	return (ssize_t)at;
}

static int conn_drain(struct conn *conn, unsigned *budget)
{
	ssize_t used = conn_frames(conn, budget);

	if (used < 0)
		return (int)used;
	if (used) {
		conn->rx_len -= (size_t)used;
		memmove(conn->rx, conn->rx + used, conn->rx_len);
	}
	return 0;
}

HOST_SYSCALL(recvfrom);
static ssize_t conn_recv(struct conn *conn)
{
	ssize_t n = recv(conn->sock, conn->rx + conn->rx_len, conn->buf_len - conn->rx_len,
			 MSG_DONTWAIT | (conn->seqpacket ? MSG_TRUNC : 0));

	if (n < 0)
		return -errno;
	if ((size_t)n > conn->buf_len - conn->rx_len)
		return -EMSGSIZE;
	return n;
}

/* One turn: flush, then read and answer. 0 or -errno; *ret_end at an orderly end. */
static int conn_turn(struct conn *conn, bool readable, bool *ret_end)
{
	unsigned budget = FRAMES_PER_TURN;
	int r;

	r = conn_send(conn);
	if (r < 0)
		return r;
	r = conn_drain(conn, &budget);
	if (r < 0 || conn->tx_len || !readable)
		return r;

	ssize_t n = conn_recv(conn);

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n < 0)
		return (int)n;
	if (!n) {
		*ret_end = true;
		return 0;
	}
	conn->rx_len += (size_t)n;
	if (conn->seqpacket && (n < (ssize_t)P9_HDR_LEN || load_le32(conn->rx) != (size_t)n))
		return -EBADMSG;
	return conn_drain(conn, &budget);
}

/* A whole frame is in the buffer that the budget kept from being handled. */
static bool frame_waits(const struct conn *conn)
{
	return conn->rx_len >= P9_HDR_LEN && load_le32(conn->rx) <= conn->rx_len;
}

void conn_ready(struct conn *conn, bool readable)
{
	bool end = false;
	bool wrote = conn_wants_write(conn);
	int r;

	r = conn_turn(conn, readable, &end);
	conn->backlog = r == 0 && !end && !conn->tx_len && frame_waits(conn);
	if (r == -ECONNRESET || r == -EPIPE)
		end = true;
	if (end)
		conn_end(conn);
	else if (r < 0)
		conn_fail(conn, "bad message or socket", r);
	else if (wrote != conn_wants_write(conn)) {
		struct epoll_event event = {.events = wrote ? EPOLLIN : EPOLLOUT, .data.ptr = conn};

		(void)epoll_ctl(conn->server->epoll_fd, EPOLL_CTL_MOD, conn->sock, &event);
	}
}

HOST_SYSCALL(epoll_ctl);
HOST_SYSCALL(getsockopt);
HOST_SYSCALL_IF(fcntl, getfl, 1, UINT32_MAX, F_GETFL);
HOST_SYSCALL_IF(fcntl, setfl, 1, UINT32_MAX, F_SETFL);
HOST_SYSCALL_IF(fcntl, dup, 1, UINT32_MAX, F_DUPFD_CLOEXEC);
