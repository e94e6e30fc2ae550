/* SPDX-License-Identifier: Apache-2.0 */
/* Files over donated host descriptors: standard input and output, --preserve-fds. */
#pragma once

#include <stdint.h>

#include "core/wait.h"

struct file;

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
