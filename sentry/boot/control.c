/* SPDX-License-Identifier: Apache-2.0 */
/* The control loop: one request per SOCK_SEQPACKET connection, answered at once; waits and captures
 * keep their connection. One thread; it sleeps in ppoll(2) until something happens.
 */
#include "boot/control.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "boot/kernel.h"
#include "boot/process.h"
#include "fs/cgroupfs/cgroupfs.h"
#include "host/io.h"
#include "mm/mm.h"
#include "net/netns.h"
#include "netstack/info.h"
#include "sentry/boot.h"
#include "sentry/control.h"
#include "sys/table.h"
#include "task/task.h"
#include "util/cleanup.h"

#define MAX_CONNS 64
#define MAX_EXECS 1024
#define MAX_GOFERS 64

enum conn_kind { CONN_NEW, CONN_WAIT, CONN_CAPTURE };

struct conn {
	int fd; /* -1: free */
	enum conn_kind kind;
	int32_t pid;	 /* CONN_WAIT */
	struct tee *tee; /* CONN_CAPTURE: attached to the namespace's hub */
};

/* A process started by CONTROL_EXEC, kept until its status was collected. */
struct exec_record {
	struct task *task; /* reference; NULL: free */
	int32_t pid;
};

struct control {
	struct kernel *k;
	const struct sentry_config *cfg;
	struct task *init;
	bool started;
	struct conn conns[MAX_CONNS];
	struct exec_record execs[MAX_EXECS];
	uint8_t msg[CONTROL_MAX_MSG];
	int fds[CONTROL_MAX_FDS];
	size_t n_fds;
};

static void reply(int fd, int error, int32_t value, const char *message, const void *payload, size_t len)
{
	struct control_reply r = { .error = error, .value = value, .len = (uint32_t)len };
	struct iovec iov[2] = { { &r, sizeof(r) }, { (void *)(uintptr_t)payload, len } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = len > 0 ? 2 : 1 };

	if (message)
		strncpy(r.message, message, sizeof(r.message) - 1);
	(void)host_sendmsg(fd, &m);
}

static void close_fds(struct control *c)
{
	for (size_t i = 0; i < c->n_fds; i++) {
		host_close(c->fds[i]);
	}
	c->n_fds = 0;
}

static void conn_close(struct control *c, struct conn *conn)
{
	if (conn->tee) {
		struct tee *tee = tee_hub_detach(netns_tee(c->k->net), conn->tee);

		if (tee)
			tee_free(tee);
		netns_capture_changed(c->k->net);
	}
	host_close(conn->fd);
	*conn = (struct conn){ .fd = -1 };
}

/* --- answers ------------------------------------------------------------------------------------ */

static int op_start(struct control *c)
{
	if (c->started)
		return -EALREADY;
	c->started = true;
	return task_start(c->init);
}

static int op_signal(struct control *c, const struct control_signal *s)
{
	struct ksiginfo info = { .signo = s->signo, .code = SI_USER, .outside = true };
	int r;

	if (s->signo < 0 || s->signo > NSIG_GUEST)
		return -EINVAL;
	if (s->all) {
		tasks_kill_all(c->k, s->signo);
		return 0;
	}

	struct tgroup *g = tgroup_find(c->k, s->pid);

	if (!g)
		return -ESRCH;
	if (s->group)
		r = signal_send_job(g, &info);
	else
		r = signal_send_group(g, &info);
	tgroup_put(g);
	return r;
}

/* A growing text. */
struct text {
	char *buf;
	size_t len, size;
};

static void __attribute__((format(printf, 2, 3))) text_add(struct text *x, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	n = MIN(n, (int)sizeof(line) - 1);
	/* The reply is one message: what does not fit is left out. */
	if (n < 0 || x->len + (size_t)n > CONTROL_MAX_MSG - sizeof(struct control_reply))
		return;
	if (x->len + (size_t)n > x->size) {
		size_t size = MAX(x->size * 2, (size_t)4096);
		char *buf = realloc(x->buf, size);

		if (!buf)
			return;
		x->buf = buf;
		x->size = size;
	}
	memcpy(x->buf + x->len, line, (size_t)n);
	x->len += (size_t)n;
}

/* The command line as one printable string. */
static void read_args(struct task *t, char *buf, size_t size)
{
	struct mm *mm = task_get_mm(t);
	char comm[16];
	size_t n = 0;

	if (mm) {
		const struct mm_layout *l = mm_layout(mm);
		uint64_t len = l->arg_end > l->arg_start ? l->arg_end - l->arg_start : 0;

		n = mm_copy_in_some(mm, buf, l->arg_start, MIN(len, (uint64_t)size - 1));
		mm_unref(mm);
	}
	if (n == 0) {
		task_get_comm(t, comm);
		snprintf(buf, size, "[%.15s]", comm);
		return;
	}
	buf[n] = '\0';
	while (n > 0 && buf[n - 1] == '\0')
		n--;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)buf[i] < 32 || (unsigned char)buf[i] > 126)
			buf[i] = ' ';
	}
}

static void op_ps(struct control *c, int fd)
{
	struct tgroup *groups[1024];
	struct text x = { 0 };
	size_t n = tgroups_get(c->k, groups, ARRAY_LEN(groups));

	for (size_t i = 0; i < n; i++) {
		struct task *t = task_find(c->k, groups[i]->pid);

		if (t) {
			const struct cred *cred = task_get_cred(t);
			char args[512];

			read_args(t, args, sizeof(args));
			text_add(&x, "%d %d %u %c %" PRId64 " %s\n", groups[i]->pid,
				 tgroup_ppid(groups[i]), cred->uid, task_state_char(t),
				 tgroup_cpu_ns(groups[i]) / 1000000, args);
			cred_put(cred);
			task_put(t);
		}
		tgroup_put(groups[i]);
	}
	reply(fd, 0, 0, NULL, x.buf, x.len);
	free(x.buf);
}

static void op_state(struct control *c, int fd)
{
	struct control_state s = { .status = c->started ? 1 : 0, .init_exit = c->k->init_status };
	struct tgroup *g;

	rwlock_rdlock(&c->k->tasks);
	list_for_each_entry(g, &c->k->groups, kernel_link)
		s.n_processes++;
	rwlock_unlock(&c->k->tasks);
	if (atomic_load(&c->k->init_exited))
		s.status = 2;
	reply(fd, 0, 0, NULL, &s, sizeof(s));
}

static void op_stats(struct control *c, int fd)
{
	struct plat_stats plat;
	uint64_t drops[DROP_COUNT];
	struct net_memory_info mem;
	struct text x = { 0 };

	plat_get_stats(&plat);
	text_add(&x, "platform.switches %" PRIu64 "\nplatform.fast_syscalls %" PRIu64
		 "\nplatform.sigsys_syscalls %" PRIu64 "\nplatform.faults %" PRIu64
		 "\nplatform.patched_sites %" PRIu64 "\nplatform.spins_won %" PRIu64
		 "\nplatform.sleeps %" PRIu64 "\n", plat.switches, plat.fast_syscalls,
		 plat.sigsys_syscalls, plat.faults, plat.patched_sites, plat.spins_won, plat.sleeps);
	text_add(&x, "memory.used_bytes %" PRIu64 "\n", memfile_used_bytes());

	struct net_stack *stack = netns_lock(c->k->net);

	net_info_drops(stack, drops);
	net_info_memory(stack, &mem);
	netns_unlock_query(c->k->net);
	text_add(&x, "net.sockets %u\nnet.pkt_bytes %" PRIu64 "\n", mem.sockets, mem.pkt_bytes);
	for (int i = 1; i < DROP_COUNT; i++) {
		if (drops[i])
			text_add(&x, "net.drop.%s %" PRIu64 "\n", net_drop_name((enum drop)i), drops[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(c->k->unimplemented); i++) {
		uint32_t n = atomic_load(&c->k->unimplemented[i]);
		const char *name = i < SYSCALL_MAX ? syscall_table[i].name : NULL;

		if (n)
			text_add(&x, "unimplemented.%s %u\n", name ? name : "?", n);
	}
	reply(fd, 0, 0, NULL, x.buf, x.len);
	free(x.buf);
}

/* --- exec --------------------------------------------------------------------------------------- */

/* The blob of a CONTROL_EXEC message, taken apart; arrays are owned. */
struct exec_request {
	struct control_exec hdr;
	const char **argv, **envp;
	const char *cwd;
	uint32_t *gids;
	struct sentry_rlimit *rlimits;
};

static void exec_request_end(struct exec_request *q)
{
	free(q->argv);
	free(q->envp);
	free(q->gids);
	free(q->rlimits);
}

static const char *take_string(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *nul = memchr(*p, 0, (size_t)(end - *p));
	const char *s = (const char *)*p;

	if (!nul)
		return NULL;
	*p = nul + 1;
	return s;
}

static int take_strings(const char ***ret, uint32_t n, const uint8_t **p, const uint8_t *end)
{
	if (n > (size_t)(end - *p))
		return -EINVAL;
	*ret = calloc((size_t)n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		(*ret)[i] = take_string(p, end);
		if (!(*ret)[i])
			return -EINVAL;
	}
	return 0;
}

static int exec_parse(struct exec_request *q, const uint8_t *payload, size_t len)
{
	const uint8_t *p = payload + sizeof(q->hdr);
	const uint8_t *end = payload + len;
	int r;

	memset(q, 0, sizeof(*q));
	if (len < sizeof(q->hdr))
		return -EINVAL;
	memcpy(&q->hdr, payload, sizeof(q->hdr));
	if (q->hdr.blob_len != len - sizeof(q->hdr) || q->hdr.n_argv == 0)
		return -EINVAL;
	r = take_strings(&q->argv, q->hdr.n_argv, &p, end);
	if (r == 0)
		r = take_strings(&q->envp, q->hdr.n_envp, &p, end);
	if (r < 0)
		return r;
	q->cwd = take_string(&p, end);
	if (!q->cwd || q->hdr.n_gids > (size_t)(end - p) / 4)
		return -EINVAL;
	q->gids = calloc((size_t)q->hdr.n_gids + 1, sizeof(*q->gids));
	q->rlimits = calloc((size_t)MIN(q->hdr.n_rlimits, 64U) + 1, sizeof(*q->rlimits));
	if (!q->gids || !q->rlimits)
		return -ENOMEM;
	memcpy(q->gids, p, (size_t)q->hdr.n_gids * 4);
	p += (size_t)q->hdr.n_gids * 4;
	if (q->hdr.n_rlimits > 64 || (size_t)q->hdr.n_rlimits * 20 > (size_t)(end - p))
		return -EINVAL;
	for (uint32_t i = 0; i < q->hdr.n_rlimits; i++, p += 20) {
		memcpy(&q->rlimits[i].resource, p, 4);
		memcpy(&q->rlimits[i].limit.rlim_cur, p + 4, 8);
		memcpy(&q->rlimits[i].limit.rlim_max, p + 12, 8);
	}
	return 0;
}

static struct exec_record *exec_slot(struct control *c)
{
	for (size_t i = 0; i < MAX_EXECS; i++) {
		if (!c->execs[i].task)
			return &c->execs[i];
	}
	return NULL;
}

static void op_exec(struct control *c, int fd, const uint8_t *payload, size_t len)
{
	char why[sizeof(((struct control_reply *)0)->message)] = "exec: malformed request";
	struct exec_record *slot = exec_slot(c);
	struct exec_request q;
	int r = exec_parse(&q, payload, len);

	/* Before init has started too: startContainer hooks run then. */
	if (r == 0 && atomic_load(&c->k->init_exited)) {
		snprintf(why, sizeof(why), "exec: container is not running");
		r = -ESRCH;
	}
	if (r == 0 && c->n_fds < 3) {
		snprintf(why, sizeof(why), "exec: three descriptors expected");
		r = -EINVAL;
	}
	if (r == 0 && !slot) {
		snprintf(why, sizeof(why), "exec: too many processes");
		r = -EAGAIN;
	}
	if (r == 0) {
		struct sentry_process p = {
			.argv = q.argv, .envp = q.envp, .cwd = q.cwd,
			.uid = q.hdr.uid, .gid = q.hdr.gid, .gids = q.gids, .n_gids = q.hdr.n_gids,
			.umask = q.hdr.umask, .cap_bounding = q.hdr.cap_bounding,
			.cap_effective = q.hdr.cap_effective,
			.cap_inheritable = q.hdr.cap_inheritable,
			.cap_permitted = q.hdr.cap_permitted, .cap_ambient = q.hdr.cap_ambient,
			.no_new_privs = q.hdr.no_new_privs != 0, .rlimits = q.rlimits,
			.n_rlimits = q.hdr.n_rlimits, .terminal = q.hdr.terminal != 0,
			.rows = q.hdr.rows, .cols = q.hdr.cols,
			.fds = { c->fds[0], c->fds[1], c->fds[2] },
			.extra_fds = c->fds + 3, .n_extra_fds = c->n_fds - 3,
		};
		struct task *t;

		c->n_fds = 0; /* process_new takes them */
		r = process_new(&t, c->k, &p, false, why, sizeof(why));
		if (r == 0) {
			*slot = (struct exec_record){ .task = task_get(t), .pid = t->tid };
			r = task_start(t);
			if (r == 0)
				reply(fd, 0, slot->pid, NULL, NULL, 0);
		}
	}
	if (r < 0)
		reply(fd, r, 0, why, NULL, 0);
	exec_request_end(&q);
}

static int op_update(const uint8_t *payload, size_t len)
{
	const uint8_t *p = payload, *end = payload + len;
	int r = 0;

	while (r == 0 && p < end) {
		const char *text = take_string(&p, end);

		r = text ? cgroup_view_set(&text, 1) : -EINVAL;
	}
	return r;
}

/* What a shell would show for a wait(2) status. */
static int32_t shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Whether @pid has ended; its status in *status. -ESRCH: nobody we know. */
static int wait_status(struct control *c, int32_t pid, int32_t *status)
{
	if (pid == 1) {
		if (!atomic_load(&c->k->init_exited))
			return 0;
		*status = shell_status(c->k->init_status);
		return 1;
	}
	for (size_t i = 0; i < MAX_EXECS; i++) {
		struct exec_record *e = &c->execs[i];

		if (!e->task || e->pid != pid)
			continue;
		rwlock_rdlock(&c->k->tasks);
		bool dead = e->task->group->zombie;
		int raw = e->task->group->exit_status;
		rwlock_unlock(&c->k->tasks);
		if (!dead)
			return 0;
		*status = shell_status(raw);
		task_put(e->task);
		*e = (struct exec_record){ 0 };
		return 1;
	}
	return -ESRCH;
}

/* Answers every waiter whose process has ended. Statuses of execs that nobody waits for are kept until
 * somebody does. */
static void answer_waits(struct control *c)
{
	for (size_t i = 0; i < MAX_CONNS; i++) {
		struct conn *conn = &c->conns[i];
		int32_t status = 0;

		if (conn->fd < 0 || conn->kind != CONN_WAIT)
			continue;
		int r = wait_status(c, conn->pid, &status);

		if (r == 0)
			continue;
		reply(conn->fd, r < 0 ? r : 0, status, r < 0 ? "no such process" : NULL, NULL, 0);
		conn_close(c, conn);
	}
}

/* --- capture ------------------------------------------------------------------------------------- */

static int op_capture(struct control *c, struct conn *conn, const uint8_t *payload, size_t len, char *why,
		      size_t why_size)
{
	struct tee_link links[TEE_MAX_LINKS];
	struct control_capture req;
	struct bpf_insn *prog = NULL;
	struct tee *tee;
	int r;

	snprintf(why, why_size, "capture: malformed request");
	if (len < sizeof(req) || c->n_fds != 1)
		return -EINVAL;
	memcpy(&req, payload, sizeof(req));
	if (req.n_insns > BPF_MAX_INSNS ||
	    len - sizeof(req) != (size_t)req.n_insns * sizeof(struct control_filter_insn))
		return -EINVAL;
	if (req.n_insns > 0) {
		prog = calloc(req.n_insns, sizeof(*prog));
		if (!prog)
			return -ENOMEM;
		for (uint32_t i = 0; i < req.n_insns; i++) {
			struct control_filter_insn in;

			memcpy(&in, payload + sizeof(req) + i * sizeof(in), sizeof(in));
			prog[i] = (struct bpf_insn){ .code = in.code, .jt = in.jt, .jf = in.jf,
						     .k = in.k };
		}
	}

	struct tee_config tc = { .fd = c->fds[0], .snaplen = req.snaplen, .only_link = req.link,
				 .links = links, .filter = prog, .n_filter = req.n_insns };

	tc.n_links = MIN(netns_tee_links(c->k->net, links, TEE_MAX_LINKS), (size_t)TEE_MAX_LINKS);
	r = tee_new(&tee, &tc);
	free(prog);
	if (r < 0) {
		snprintf(why, why_size, "capture: filter or link is not valid");
		return r;
	}
	c->n_fds = 0; /* taken by the tee */
	r = tee_hub_attach(netns_tee(c->k->net), tee);
	if (r < 0) {
		tee_free(tee);
		snprintf(why, why_size, "capture: too many captures");
		return r;
	}
	conn->kind = CONN_CAPTURE;
	conn->tee = tee;
	netns_capture_changed(c->k->net);
	return 0;
}

/* --- requests -------------------------------------------------------------------------------------- */

/* One message with its descriptors. Returns its length, 0 at the end. */
static ssize_t receive(struct control *c, int fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * CONTROL_MAX_FDS)];
	} control;
	struct iovec iov = { c->msg, sizeof(c->msg) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			    .msg_controllen = sizeof(control) };
	ssize_t n = host_recvmsg(fd, &m);

	c->n_fds = 0;
	if (n < 0)
		return n;
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&m); cm; cm = CMSG_NXTHDR(&m, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;

		size_t count = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count && c->n_fds < CONTROL_MAX_FDS; i++)
			memcpy(&c->fds[c->n_fds++], CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
	}
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EMSGSIZE;
	return n;
}

/* Handles one request; the connection stays open for waits and captures. */
static void handle(struct control *c, struct conn *conn)
{
	char why[sizeof(((struct control_reply *)0)->message)] = "";
	struct control_request req;
	ssize_t n = receive(c, conn->fd);
	const uint8_t *payload = c->msg + sizeof(req);
	int r = 0;

	if (n == -EAGAIN)
		return;
	if (n < (ssize_t)sizeof(req)) {
		close_fds(c);
		conn_close(c, conn);
		return;
	}
	memcpy(&req, c->msg, sizeof(req));
	if (req.len != (size_t)n - sizeof(req)) {
		reply(conn->fd, -EINVAL, 0, "malformed request", NULL, 0);
		close_fds(c);
		conn_close(c, conn);
		return;
	}
	switch ((enum control_op)req.op) {
	case CONTROL_START:
		r = op_start(c);
		reply(conn->fd, r, 0, r == -EALREADY ? "container is already running" : NULL, NULL, 0);
		break;
	case CONTROL_SIGNAL:
		r = op_signal(c, &req.u.signal);
		reply(conn->fd, r, 0, r == -ESRCH ? "no such process" : NULL, NULL, 0);
		break;
	case CONTROL_STATE:
		op_state(c, conn->fd);
		break;
	case CONTROL_PS:
		op_ps(c, conn->fd);
		break;
	case CONTROL_STATS:
		op_stats(c, conn->fd);
		break;
	case CONTROL_EXEC:
		op_exec(c, conn->fd, payload, req.len);
		break;
	case CONTROL_WAIT:
		conn->kind = CONN_WAIT;
		conn->pid = req.u.pid;
		close_fds(c);
		answer_waits(c);
		return;
	case CONTROL_CAPTURE:
		r = op_capture(c, conn, payload, req.len, why, sizeof(why));
		reply(conn->fd, r, 0, why, NULL, 0);
		if (r == 0)
			return;
		break;
	case CONTROL_WINSIZE: {
		struct control_signal s = { .pid = req.u.winsize.pid, .signo = SIGWINCH,
					    .group = 1 };

		r = op_signal(c, &s);
		reply(conn->fd, r, 0, NULL, NULL, 0);
		break;
	}
	case CONTROL_UPDATE:
		r = op_update(payload, req.len);
		reply(conn->fd, r, 0, r < 0 ? "update: malformed request" : NULL, NULL, 0);
		break;
	case CONTROL_PAUSE:
	case CONTROL_RESUME:
		reply(conn->fd, -EOPNOTSUPP, 0, "pause and resume are not implemented", NULL, 0);
		break;
	default:
		reply(conn->fd, -EINVAL, 0, "unknown request", NULL, 0);
		break;
	}
	close_fds(c);
	conn_close(c, conn);
}

static void accept_one(struct control *c)
{
	int fd = host_accept(c->cfg->control_fd);

	if (fd < 0)
		return;
	for (size_t i = 0; i < MAX_CONNS; i++) {
		if (c->conns[i].fd < 0) {
			c->conns[i] = (struct conn){ .fd = fd };
			return;
		}
	}
	reply(fd, -EBUSY, 0, "too many control connections", NULL, 0);
	host_close(fd);
}

/* --- the loop ---------------------------------------------------------------------------------------- */

/* The task side tells of exits on a wait queue; the loop sleeps on a descriptor. */
static bool on_exit_wake(struct waiter *w, uint32_t ready)
{
	(void)w;
	(void)ready;
	host_event_signal(kernel_get()->event_fd);
	return true;
}

static nfds_t fill_pollfds(struct control *c, struct pollfd *fds)
{
	nfds_t n = 0;

	fds[n++] = (struct pollfd){ .fd = c->k->event_fd, .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = c->cfg->control_fd, .events = POLLIN };
	for (size_t i = 0; i < MAX_CONNS; i++)
		fds[n++] = (struct pollfd){ .fd = c->conns[i].fd, .events = POLLIN };
	/* A gofer that hangs up is the end: events 0 asks for POLLHUP alone. */
	for (size_t i = 0; i < c->cfg->n_mounts && n < 2 + MAX_CONNS + MAX_GOFERS; i++) {
		if (c->cfg->mounts[i].type == SENTRY_MOUNT_GOFER)
			fds[n++] = (struct pollfd){ .fd = c->cfg->mounts[i].fd };
	}
	return n;
}

static bool finished(const struct control *c)
{
	return atomic_load(&c->k->init_exited) || atomic_load(&c->k->dying);
}

void control_loop(struct kernel *k, const struct sentry_config *cfg, struct task *init)
{
	struct pollfd fds[2 + MAX_CONNS + MAX_GOFERS];
	struct control *c = calloc(1, sizeof(*c));
	struct waiter waiter = { .wake = on_exit_wake };

	if (!c) {
		kernel_fatal("control: no memory");
		return;
	}
	c->k = k;
	c->cfg = cfg;
	c->init = init;
	c->started = cfg->start_now;
	for (size_t i = 0; i < MAX_CONNS; i++)
		c->conns[i].fd = -1;
	waitq_add(&k->exit_waitq, &waiter, UINT32_MAX);
	while (!finished(c)) {
		nfds_t n = fill_pollfds(c, fds);

		if (host_poll(fds, n, INT64_MAX) < 0)
			continue;
		if (fds[0].revents)
			host_event_clear(k->event_fd);
		answer_waits(c);
		for (size_t i = 0; i < MAX_CONNS; i++) {
			struct conn *conn = &c->conns[i];

			if (conn->fd < 0 || fds[2 + i].fd != conn->fd || !fds[2 + i].revents)
				continue;
			if (conn->kind == CONN_NEW)
				handle(c, conn);
			else
				conn_close(c, conn); /* the client hung up */
		}
		if (fds[1].revents & POLLIN)
			accept_one(c);
		for (nfds_t i = 2 + MAX_CONNS; i < n; i++) {
			if (fds[i].revents & (POLLHUP | POLLERR))
				kernel_fatal("the gofer is gone");
		}
	}
	waitq_del(&waiter);
	answer_waits(c);
	for (size_t i = 0; i < MAX_CONNS; i++) {
		if (c->conns[i].fd >= 0)
			conn_close(c, &c->conns[i]);
	}
	/* @c and its records end with the process. */
}
