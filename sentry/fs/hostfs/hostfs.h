/* SPDX-License-Identifier: Apache-2.0 */
/* Files over donated host descriptors: standard input and output, --preserve-fds. */
#pragma once

#include <stdint.h>

#include "core/wait.h"

struct file;
struct task;

/* Takes @fd, also on failure. */
int hostfs_open_fd(struct file **ret, int fd);

/* The poller: one thread that sleeps until a watched host descriptor changes. */
struct host_watch {
	uint64_t id; /* 0: not watched */
	int fd;
	struct waitq waitq;
};
int poller_start(void);
void poller_init(struct host_watch *w, int fd);
/* From now on w->waitq is woken when the descriptor becomes ready. Idempotent. -EPERM: it is always
 * ready (a regular file). */
int poller_add(struct host_watch *w);
void poller_fini(struct host_watch *w);

/* Opens what /dev/tty means for @t into @f (flags set). -ENXIO: no controlling terminal. */
int hostfs_open_tty(struct task *t, struct file *f);
/* From the first terminal on, signals of the host's terminal are read and handed to tty_signal(). */
void poller_watch_signals(void);
void tty_signal(int signo);
