/* SPDX-License-Identifier: Apache-2.0 */
/* One thread turns readiness of host descriptors into wake-ups of wait queues. Descriptors are watched
 * edge-triggered from the first time somebody waits for one, so an idle sandbox has no wake-ups. */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>

#include "boot/kernel.h"
#include "core/thread.h"
#include "fs/hostfs/hostfs.h"
#include "host/file.h"
#include "util/list.h"

#define EVENTS 16
#define WATCH_MAX 256

/* A watch is found by its id: an event may be on its way while its watch goes. */
static struct mutex mu = { PTHREAD_MUTEX_INITIALIZER, RANK_OBJECT };
static struct host_watch *watches[WATCH_MAX]; /* [mu] index: low bits of the id */
static uint64_t next_id = WATCH_MAX;	      /* [mu] */
static int epfd = -1;			      /* [I] after poller_start() */
static int sigfd = -1;			      /* [mu] set once */

#define SIGNALS_ID UINT64_MAX /* the epoll data of sigfd */

static void pass_signals(void)
{
	int signo;

	while ((signo = host_signalfd_read(sigfd)) > 0)
		tty_signal(signo);
}

void poller_watch_signals(void)
{
	static const int wanted[] = { SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP };

	mutex_lock(&mu);
	if (sigfd < 0 && epfd >= 0) {
		sigfd = host_signalfd(wanted, sizeof(wanted) / sizeof(wanted[0]));
		if (sigfd >= 0)
			(void)host_epoll_add(epfd, sigfd, SIGNALS_ID);
	}
	mutex_unlock(&mu);
}

static void *poller_main(void *arg)
{
	struct epoll_event ev[EVENTS];

	(void)arg;
	for (;;) {
		int n = host_epoll_wait(epfd, ev, EVENTS);

		if (n < 0) {
			klog("host poller: errno %d", -n);
			return NULL;
		}
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == SIGNALS_ID)
				pass_signals();
		}
		mutex_lock(&mu);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == SIGNALS_ID)
				continue;
			struct host_watch *w = watches[ev[i].data.u64 % WATCH_MAX];

			if (w && w->id == ev[i].data.u64)
				waitq_wake(&w->waitq, ev[i].events);
		}
		mutex_unlock(&mu);
	}
}

int poller_start(void)
{
	host_block_tty_signals();
	epfd = host_epoll_new();
	if (epfd < 0)
		return epfd;
	return kthread_start(poller_main, NULL, "host-poller");
}

void poller_init(struct host_watch *w, int fd)
{
	w->id = 0;
	w->fd = fd;
	waitq_init(&w->waitq);
}

static int add_locked(struct host_watch *w)
{
	for (int tries = 0; tries < WATCH_MAX; tries++, next_id++) {
		uint64_t id = next_id;

		if (watches[id % WATCH_MAX])
			continue;
		int r = host_epoll_add(epfd, w->fd, id);

		if (r < 0)
			return r;
		watches[id % WATCH_MAX] = w;
		w->id = id;
		next_id++;
		return 0;
	}
	return -ENOSPC;
}

int poller_add(struct host_watch *w)
{
	if (__atomic_load_n(&w->id, __ATOMIC_ACQUIRE))
		return 0;
	if (epfd < 0)
		return -EPERM;
	mutex_lock(&mu);
	int r = w->id ? 0 : add_locked(w);

	mutex_unlock(&mu);
	return r;
}

void poller_fini(struct host_watch *w)
{
	mutex_lock(&mu);
	if (w->id) {
		watches[w->id % WATCH_MAX] = NULL;
		(void)host_epoll_del(epfd, w->fd);
		w->id = 0;
	}
	mutex_unlock(&mu);
	waitq_fini(&w->waitq);
}
