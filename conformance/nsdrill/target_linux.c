/* SPDX-License-Identifier: Apache-2.0 */
/* The host kernel as a target: a tun device in a network namespace that exists for one script.
 * Needs CAP_NET_ADMIN, or user namespaces. Real time; a call that blocks has a thread. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "nsdrill/target.h"

#define FDS_MAX 64
/* A call that has not returned by then blocks. */
#define CALL_GRACE_US 4000

struct lxt {
	struct target base;
	const struct config *cfg;
	int tun;
	struct timespec start;
	struct frame *head, **tail;
	int fds[FDS_MAX];
	size_t nfds;
	char congestion[16]; /* where a namespace may not choose a default, sockets do */
	pthread_t thread;
	bool thread_runs;
	pthread_mutex_t mu;
	pthread_cond_t cond;
	struct request *req;
};

static struct lxt *lxt_of(struct target *t)
{
	return (struct lxt *)t;
}

static int64_t lxt_now(struct target *base)
{
	struct lxt *t = lxt_of(base);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - t->start.tv_sec) * 1000000LL + (now.tv_nsec - t->start.tv_nsec) / 1000;
}

/* Reads what the kernel sent, waiting at most @us for the first packet. */
static void collect(struct lxt *t, int64_t us)
{
	struct pollfd p = {t->tun, POLLIN, 0};
	struct timespec wait = {us / 1000000, us % 1000000 * 1000};
	static uint8_t buf[PACKET_BYTES_MAX];

	if (us < 0)
		wait = (struct timespec){0};
	while (ppoll(&p, 1, &wait, NULL) > 0) {
		ssize_t n = read(t->tun, buf, sizeof(buf));

		if (n <= 0)
			break;

		struct frame *f = malloc(sizeof(*f) + (size_t)n);

		if (!f)
			abort();
		*f = (struct frame){.us = lxt_now(&t->base), .len = (size_t)n};
		memcpy(f->data, buf, (size_t)n);
		*t->tail = f;
		t->tail = &f->next;
		wait = (struct timespec){0};
	}
}

static void lxt_run_until(struct target *base, int64_t us)
{
	int64_t left;

	collect(lxt_of(base), 0);
	while ((left = us - lxt_now(base)) > 0)
		collect(lxt_of(base), left);
}

static int lxt_inject(struct target *base, const uint8_t *data, size_t len)
{
	return write(lxt_of(base)->tun, data, len) == (ssize_t)len ? 0 : -errno;
}

static struct frame *lxt_take(struct target *base, int64_t until_us)
{
	struct lxt *t = lxt_of(base);

	collect(t, 0);
	while (!t->head && lxt_now(base) < until_us)
		collect(t, until_us - lxt_now(base));

	struct frame *f = t->head;

	if (f) {
		t->head = f->next;
		if (!t->head)
			t->tail = &t->head;
	}
	return f;
}

static int64_t do_socket(struct lxt *t, const struct request *req)
{
	int fd = socket((int)req->a[0], (int)req->a[1], (int)req->a[2]);

	if (fd >= 0 && (req->a[1] & 15) == SOCK_STREAM && t->congestion[0])
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, t->congestion,
				  (socklen_t)strlen(t->congestion));
	return fd;
}

static int64_t perform(struct lxt *t, struct request *req)
{
	struct sockaddr *addr = (struct sockaddr *)&req->addr;
	socklen_t len = (socklen_t)req->len;
	off_t off = req->off;
	int64_t r;

	switch (req->sys) {
	case SYS_SOCKET:
		return do_socket(t, req);
	case SYS_BIND:
		return bind(req->fd, addr, req->addr_len);
	case SYS_LISTEN:
		return listen(req->fd, (int)req->a[0]);
	case SYS_ACCEPT:
		req->addr_len = sizeof(req->addr);
		return accept(req->fd, addr, &req->addr_len);
	case SYS_CONNECT:
		return connect(req->fd, addr, req->addr_len);
	case SYS_READ:
		return readv(req->fd, req->msg.msg_iov, (int)req->msg.msg_iovlen);
	case SYS_WRITE:
		return writev(req->fd, req->msg.msg_iov, (int)req->msg.msg_iovlen);
	case SYS_RECVMSG:
		return recvmsg(req->fd, &req->msg, (int)req->a[0]);
	case SYS_SENDMSG:
		return sendmsg(req->fd, &req->msg, (int)req->a[0]);
	case SYS_FCNTL:
		return fcntl(req->fd, (int)req->a[0], req->a[1]);
	case SYS_IOCTL:
		return ioctl(req->fd, (unsigned long)req->a[0], &req->value);
	case SYS_CLOSE:
		return close(req->fd);
	case SYS_SHUTDOWN:
		return shutdown(req->fd, (int)req->a[0]);
	case SYS_GETSOCKOPT:
		r = getsockopt(req->fd, (int)req->a[0], (int)req->a[1], req->buf, &len);
		req->len = len;
		return r;
	case SYS_SETSOCKOPT:
		return setsockopt(req->fd, (int)req->a[0], (int)req->a[1], req->buf, len);
	case SYS_POLL:
		return poll(req->pollfds, req->npollfds, (int)req->a[0]);
	case SYS_OPEN:
		return open(req->path, (int)req->a[0] | O_CLOEXEC);
	case SYS_SENDFILE:
		return sendfile(req->fd, req->fd2, &off, req->len);
	case SYS_EPOLL_CREATE:
		return epoll_create((int)req->a[0]);
	case SYS_EPOLL_CTL:
		return epoll_ctl(req->fd, (int)req->a[0], req->fd2, &req->events[0]);
	case SYS_EPOLL_WAIT:
		if (req->a[0] > REQ_EVENTS_MAX)
			req->a[0] = REQ_EVENTS_MAX;
		return epoll_wait(req->fd, req->events, (int)req->a[0], (int)req->a[1]);
	case SYS_PIPE:
		return pipe(req->fds);
	case SYS_SPLICE:
		return splice(req->fd, NULL, req->fd2, NULL, req->len, (unsigned)req->a[0]);
	}
	return -1;
}

static void *call_thread(void *arg)
{
	struct lxt *t = arg;
	struct request *req = t->req;
	int64_t r = perform(t, req);

	pthread_mutex_lock(&t->mu);
	req->result = r < 0 ? -errno : r;
	req->end_us = lxt_now(&t->base);
	req->done = true;
	pthread_cond_signal(&t->cond);
	pthread_mutex_unlock(&t->mu);
	return NULL;
}

/* Waits for the thread for at most @us. */
static void join_for(struct lxt *t, struct request *req, int64_t us)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += us % 1000000 * 1000;
	at.tv_sec += us / 1000000 + at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	pthread_mutex_lock(&t->mu);
	while (!req->done && pthread_cond_timedwait(&t->cond, &t->mu, &at) == 0)
		;
	bool done = req->done;

	pthread_mutex_unlock(&t->mu);
	if (done && t->thread_runs) {
		pthread_join(t->thread, NULL);
		t->thread_runs = false;
	}
}

static void remember(struct lxt *t, const struct request *req)
{
	bool fd = req->sys == SYS_SOCKET || req->sys == SYS_ACCEPT || req->sys == SYS_OPEN ||
		  req->sys == SYS_EPOLL_CREATE;

	if (fd && req->result >= 0 && t->nfds < FDS_MAX)
		t->fds[t->nfds++] = (int)req->result;
	for (int i = 0; req->sys == SYS_PIPE && req->result == 0 && i < 2 && t->nfds < FDS_MAX; i++)
		t->fds[t->nfds++] = req->fds[i];
	for (size_t i = 0; req->sys == SYS_CLOSE && i < t->nfds; i++) {
		if (t->fds[i] == req->fd)
			t->fds[i] = -1;
	}
}

static void lxt_call(struct target *base, struct request *req)
{
	struct lxt *t = lxt_of(base);

	collect(t, 0);
	req->begin_us = lxt_now(base);
	t->req = req;
	if (pthread_create(&t->thread, NULL, call_thread, t) != 0)
		abort();
	t->thread_runs = true;
	join_for(t, req, CALL_GRACE_US);
	if (req->done)
		remember(t, req);
	collect(t, 0);
}

static void lxt_await(struct target *base, struct request *req, int64_t until_us)
{
	struct lxt *t = lxt_of(base);

	while (t->thread_runs && lxt_now(base) < until_us) {
		join_for(t, req, 1000);
		collect(t, 0);
	}
	if (req->done)
		remember(t, req);
}

static void on_signal(int sig)
{
	(void)sig; /* only to make a blocked call return */
}

static void lxt_cancel(struct target *base, struct request *req)
{
	struct lxt *t = lxt_of(base);

	for (int i = 0; t->thread_runs && i < 1000; i++) {
		pthread_kill(t->thread, SIGUSR1);
		join_for(t, req, 2000);
	}
}

static int lxt_sysctl(struct target *base, const char *name, const char *value)
{
	struct lxt *t = lxt_of(base);
	char path[256] = "/proc/sys/";
	size_t n = strlen(path);
	int fd;

	if (strcmp(name, "net.ipv4.tcp_congestion_control") == 0)
		snprintf(t->congestion, sizeof(t->congestion), "%s", value);
	for (; *name && n < sizeof(path) - 1; name++)
		path[n++] = *name == '.' ? '/' : *name;
	path[n] = '\0';
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;

	ssize_t r = write(fd, value, strlen(value));

	close(fd);
	return r < 0 ? -EPERM : 0;
}

static int lxt_command(struct target *base, const char *line, struct diag *diag)
{
	(void)base;
	return target_shell(line, diag);
}

/* What the kernel decided is its own secret but for TCP_INFO. */
static void lxt_trace(struct target *base, int fd, FILE *to)
{
	(void)fd;
	fprintf(to, "# %9.6f\n", (double)lxt_now(base) / 1e6);
}

static void lxt_free(struct target *base)
{
	struct lxt *t = lxt_of(base);

	for (size_t i = 0; i < t->nfds; i++) {
		if (t->fds[i] >= 0)
			close(t->fds[i]);
	}
	if (t->tun >= 0)
		close(t->tun);
	while (t->head) {
		struct frame *f = t->head;

		t->head = f->next;
		free(f);
	}
	pthread_mutex_destroy(&t->mu);
	pthread_cond_destroy(&t->cond);
	free(t);
}

static const struct target_ops lxt_ops = {
	"linux",  true,	     lxt_free,	 lxt_now,    lxt_run_until, lxt_inject, lxt_take,
	lxt_call, lxt_await, lxt_cancel, lxt_sysctl, lxt_command,   lxt_trace,
};

static int enter_namespace(void)
{
	static bool owned;

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (errno != EPERM || owned)
		return -errno;
	owned = true;
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : 0;
}

static int open_tun(struct lxt *t)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	t->tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->tun < 0)
		return -errno;
	strcpy(ifr.ifr_name, "tun0");
	return ioctl(t->tun, TUNSETIFF, &ifr) < 0 ? -errno : 0;
}

static int set_up(const struct config *cfg)
{
	char cmd[512], local[INET6_ADDRSTRLEN];
	bool v4 = cfg->wire_family == AF_INET;

	inet_ntop(cfg->wire_family, cfg->local.bytes, local, sizeof(local));
	snprintf(cmd, sizeof(cmd),
		 "ip link set lo up && ip link set tun0 mtu %u up && ip addr add %s/%d dev tun0 %s "
		 "&& "
		 "ip -%c route add default dev tun0",
		 cfg->mtu, local, cfg->local.prefix_len, v4 ? "" : "nodad", v4 ? '4' : '6');
	return system(cmd) == 0 ? 0 : -EIO;
}

int target_linux_new(struct target **ret, const struct config *cfg, struct diag *diag)
{
	struct lxt *t = calloc(1, sizeof(*t));
	struct sigaction sa = {.sa_handler = on_signal};

	if (!t)
		return -ENOMEM;
	t->base.ops = &lxt_ops;
	t->cfg = cfg;
	t->tun = -1;
	t->tail = &t->head;
	pthread_mutex_init(&t->mu, NULL);
	pthread_cond_init(&t->cond, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);

	int r = enter_namespace();

	if (r == 0)
		r = open_tun(t);
	if (r == 0)
		r = set_up(cfg);
	if (r < 0) {
		lxt_free(&t->base);
		return diag_set(diag, (struct loc){0}, "no tun device in a network namespace: %s",
				strerror(-r));
	}
	clock_gettime(CLOCK_MONOTONIC, &t->start);
	*ret = &t->base;
	return 0;
}
