/* SPDX-License-Identifier: Apache-2.0 */
/* Host files: descriptors that were donated, by the gofer or at start. Nothing here opens a host path.
 * Results are counts or 0, negative errno on failure; EINTR is retried. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "host/io.h"

ssize_t host_preadv(int fd, const struct iovec *iov, int n, int64_t off);
ssize_t host_pwritev(int fd, const struct iovec *iov, int n, int64_t off);
ssize_t host_readv(int fd, const struct iovec *iov, int n);
ssize_t host_writev(int fd, const struct iovec *iov, int n);
/* As host_writev(), without ever blocking; for pipes and sockets. */
ssize_t host_writev_nowait(int fd, const struct iovec *iov, int n, bool is_socket);
int64_t host_lseek(int fd, int64_t off, int whence);
int host_fstat(int fd, struct stat *st);
int host_ftruncate(int fd, int64_t len);
int host_fallocate(int fd, int mode, int64_t off, int64_t len);
int host_fsync(int fd, bool datasync);
int host_file_flags(int fd); /* O_* of the description */
/* Terminals: TCGETS TCSETS TCSETSW TCSETSF TIOCGWINSZ TIOCSWINSZ FIONREAD TCFLSH TCSBRK TCXONC. */
int host_tty_ioctl(int fd, unsigned long cmd, void *arg);

/* POLL* bits that are true now. */
int host_poll_now(int fd, int events);
/* One set of watched descriptors, edge-triggered. */
int host_epoll_new(void);
int host_epoll_add(int ep, int fd, uint64_t data);
int host_epoll_del(int ep, int fd);
struct epoll_event;
int host_epoll_wait(int ep, struct epoll_event *events, int max); /* no time limit */

/* A stream socket that also carries one descriptor per message. recv: 0 at the end; *fd becomes the
 * descriptor that came with the bytes, or stays as it was. */
ssize_t host_send(int sock, const struct iovec *iov, int n);
ssize_t host_recv(int sock, void *buf, size_t len, int *fd);

/* Signals as a descriptor, for those that a terminal sends. They are blocked in every thread: the threads
 * of the sentry start so, and the calling (first) thread by this. */
void host_block_tty_signals(void);
int host_signalfd(const int *signals, int n);
int host_signalfd_read(int fd); /* a signal number, 0: none */
