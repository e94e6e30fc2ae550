/* SPDX-License-Identifier: Apache-2.0 */
/* Host calls on descriptors that the sentry was given or made: event counters, the control socket,
 * logs. All return a count, 0 or a negative errno; EINTR is retried. */
#pragma once

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

int host_eventfd(void);		  /* non-blocking */
void host_event_signal(int fd);	  /* adds one */
void host_event_clear(int fd);	  /* back to zero */
/* @deadline: absolute CLOCK_MONOTONIC ns, INT64_MAX: none. Returns as poll(2), 0 also when interrupted. */
int host_poll(struct pollfd *fds, nfds_t n, int64_t deadline);
ssize_t host_write(int fd, const void *buf, size_t len);
void host_close(int fd);
int host_accept(int fd);	  /* non-blocking, close-on-exec */
ssize_t host_recvmsg(int fd, struct msghdr *m); /* MSG_DONTWAIT | MSG_CMSG_CLOEXEC */
ssize_t host_sendmsg(int fd, const struct msghdr *m); /* MSG_DONTWAIT | MSG_NOSIGNAL */
