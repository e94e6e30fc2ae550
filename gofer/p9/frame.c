/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking send and receive of one frame with at most one fd, on a stream or seqpacket socket.
 *
 * On a stream the header is read first, so that a read never runs into the next frame and the fd
 * that arrives with a frame's first byte belongs to that frame.
 */
#include "gofer/p9.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/bytes.h"

int p9_send(int sock, const void *frame, size_t len, int pass_fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl = {0};
	const uint8_t *at = (const uint8_t *)frame;

	while (len) {
		struct iovec iov = {.iov_base = (void *)(uintptr_t)at, .iov_len = len};
		struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

		if (pass_fd >= 0) {
			mh.msg_control = ctl.buf;
			mh.msg_controllen = sizeof(ctl.buf);

			struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
		}

		ssize_t n = sendmsg(sock, &mh, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		pass_fd = -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Keeps the first fd of @mh in *fd and closes any more. */
static void take_fds(struct msghdr *mh, int *fd)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t off = 0; off + sizeof(int) <= c->cmsg_len - CMSG_LEN(0);
		     off += sizeof(int)) {
			int got;

			memcpy(&got, CMSG_DATA(c) + off, sizeof(int));
			if (*fd < 0)
				*fd = got;
			else
				close(got);
		}
	}
}

/* Reads up to @len bytes; a negative result is -errno, 0 the end. */
static ssize_t recv_some(int sock, void *buf, size_t len, int *fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(4 * sizeof(int))];
	} ctl;
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof(ctl.buf)};
	ssize_t n;

	do {
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&mh, fd);
	return n;
}

static ssize_t recv_all(int sock, void *buf, size_t len, int *fd)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = recv_some(sock, (uint8_t *)buf + got, len - got, fd);

		if (n < 0)
			return n;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static ssize_t recv_frame(int sock, uint8_t *buf, size_t size, int *fd)
{
	int type = 0;
	socklen_t type_len = sizeof(type);

	if (size < P9_HDR_LEN)
		return -EBADMSG;
	if (getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0)
		return -errno;
	if (type == SOCK_SEQPACKET) {
		ssize_t n = recv_some(sock, buf, size, fd);

		if (n <= 0)
			return n;
		return n < (ssize_t)P9_HDR_LEN || load_le32(buf) != (size_t)n ? -EBADMSG : n;
	}

	ssize_t n = recv_all(sock, buf, P9_HDR_LEN, fd);

	if (n <= 0)
		return n;
	if (n < (ssize_t)P9_HDR_LEN)
		return -ECONNRESET;

	uint32_t len = load_le32(buf);

	if (len < P9_HDR_LEN || len > size)
		return -EBADMSG;
	n = recv_all(sock, buf + P9_HDR_LEN, len - P9_HDR_LEN, fd);
	if (n < 0)
		return n;
	return (size_t)n + P9_HDR_LEN == len ? (ssize_t)len : -ECONNRESET;
}

int p9_recv(int sock, void *buf, size_t size, int *ret_fd)
{
	int fd = -1;
	ssize_t n = recv_frame(sock, (uint8_t *)buf, size, &fd);

	if (fd >= 0 && (n <= 0 || !ret_fd)) {
		close(fd);
		fd = -1;
	}
	if (ret_fd)
		*ret_fd = fd;
	return (int)n;
}
