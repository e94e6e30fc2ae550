/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the gofer and the sandbox process, and hands over descriptors.
 *
 * Timeline of the sandbox process: fork into a new pid namespace; session, signals, namespaces,
 * empty root, user namespace; "prepared" to runsc, which writes the id maps, runs hooks and reads
 * the network; "go" with the links' descriptors; ids, descriptors, sentry_boot().
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/log.h"
#include "sandbox/sandbox.h"

#define NOBODY 65534

struct sync_msg {
	int32_t error;
	uint32_t user_ns; /* from the child: it has one; from runsc: its maps are written */
	char text[248];
};

pid_t fork_pidns(struct cause *cause)
{
	int home = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	pid_t pid;
	int r = 0;

	if (home < 0)
		return cause_errno(cause, -errno, "/proc/self/ns/pid");
	/* unshare moves only the children to come; C library and kernel agree on the fork itself.
	 */
	if (unshare(CLONE_NEWPID) < 0) {
		r = cause_errno(cause, -errno, "new pid namespace");
		close(home);
		return r;
	}
	pid = fork();
	if (pid < 0)
		r = cause_errno(cause, -errno, "fork");
	if (pid != 0 && setns(home, CLONE_NEWPID) < 0 && !r)
		r = cause_errno(cause, -errno, "returning to the pid namespace");
	close(home);
	return r < 0 ? r : pid;
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static void close_span(unsigned first, unsigned last)
{
	if (first <= last)
		(void)syscall(SYS_close_range, first, last, 0);
}

void close_all_but(int *keep, size_t n)
{
	unsigned next = 3;

	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)next)
			continue;
		close_span(next, (unsigned)keep[i] - 1);
		next = (unsigned)keep[i] + 1;
	}
	close_span(next, ~0u);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void raise_nofile(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

/* 0-2 as /dev/null, 2 as the log when there is one. */
static int null_stdio(int log_fd)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		if (dup2(i == 2 && log_fd >= 0 ? log_fd : fd, i) < 0)
			return -errno;
	}
	if (fd > 2)
		close(fd);
	return 0;
}

static NORETURN void gofer_child(const struct mount_set *set, int log_fd, bool die_with_parent)
{
	int *keep = calloc(set->n_served * 2 + 1, sizeof(*keep));
	const char *stage = "";
	size_t n = 0;
	int r;

	reset_signals();
	raise_nofile();
	(void)setsid();
	(void)prctl(PR_SET_NAME, "runsc-gofer");
	if (!keep || null_stdio(log_fd) < 0)
		_exit(1);
	for (size_t i = 0; i < set->n_served; i++) {
		keep[n++] = set->served[i].sock_fd;
		keep[n++] = set->served[i].root_fd;
	}
	if (log_fd >= 0)
		keep[n++] = log_fd;
	close_all_but(keep, n);
	(void)clearenv();

	struct gofer_config cfg = {.mounts = set->mounts ? set->served : NULL,
				   .n_mounts = set->n_served,
				   .shutdown_fd = -1,
				   .log_fd = log_fd};

	r = gofer_enter(&(struct gofer_sandbox){.keep_fds = keep,
						.n_keep_fds = n,
						.ret_stage = &stage,
						.outlive_parent = !die_with_parent});
	if (r < 0) {
		if (log_fd >= 0)
			dprintf(log_fd, "gofer: %s: %s\n", stage, strerror(-r));
		_exit(1);
	}
	cfg.proc_fd = r;
	r = gofer_serve(&cfg);
	if (r < 0 && log_fd >= 0)
		dprintf(log_fd, "gofer: %s\n", strerror(-r));
	_exit(r < 0 ? 1 : 0);
}

int gofer_spawn(const struct mount_set *set, int log_fd, bool die_with_parent, pid_t *ret_pid,
		struct cause *cause)
{
	pid_t pid = fork_pidns(cause);

	if (pid < 0)
		return pid;
	if (pid == 0)
		gofer_child(set, log_fd, die_with_parent);
	*ret_pid = pid;
	return 0;
}

/* An empty read-only directory as root: nothing of the host's files is left in reach. */
static int empty_root(void)
{
	/* /proc exists everywhere and is not needed any more. */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=0555") <
		    0 ||
	    chdir("/proc") < 0)
		return -errno;
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	if (mount("none", "/", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) < 0)
		return -errno;
	return 0;
}

static NORETURN void child_fail(int sync_fd, int r, const char *what)
{
	struct sync_msg msg = {.error = r};

	snprintf(msg.text, sizeof(msg.text), "sandbox process: %s", what);
	(void)send(sync_fd, &msg, sizeof(msg), MSG_NOSIGNAL);
	_exit(1);
}

static void set_oom_score(const struct oci_process *p)
{
	int fd;

	if (!p->has_oom_score_adj)
		return;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	/* Lowering it may not be allowed; that is the host's decision. */
	if (fd >= 0) {
		if (dprintf(fd, "%d", p->oom_score_adj) < 0)
			log_debug("oom_score_adj %d: %s", p->oom_score_adj, strerror(errno));
		close(fd);
	}
}

/* Returns whether there is a user namespace now. */
static bool child_namespaces(const struct sandbox_params *params, int sync_fd)
{
	const struct sentry_config *cfg = &params->config;

	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		child_fail(sync_fd, -errno, "new namespaces");
	if (params->netns_fd >= 0 ? setns(params->netns_fd, CLONE_NEWNET) < 0
				  : unshare(CLONE_NEWNET) < 0)
		child_fail(sync_fd, -errno, "network namespace");
	if (cfg->hostname)
		(void)!sethostname(cfg->hostname, strlen(cfg->hostname));

	int r = null_stdio(cfg->log_fd);

	if (r >= 0)
		r = empty_root();
	if (r < 0)
		child_fail(sync_fd, r, "empty root directory");
	return !params->globals->no_user_ns && unshare(CLONE_NEWUSER) == 0;
}

static ssize_t recv_fds(int sock, struct sync_msg *msg, int *fds, size_t *n_fds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * NET_MAX_LINKS)];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = {msg, sizeof(*msg)};
	struct msghdr hdr = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = ctl.buf,
			     .msg_controllen = sizeof(ctl.buf)};
	ssize_t n;

	do {
		n = recvmsg(sock, &hdr, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	*n_fds = 0;
	for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&hdr) : NULL; c; c = CMSG_NXTHDR(&hdr, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *n_fds * sizeof(int));
	}
	return n;
}

/* The plan as the sentry wants it. Static: lives as long as the process. */
static void fill_links(struct sentry_config *cfg, const struct net_plan *plan, const int *fds,
		       size_t n_fds)
{
	static struct sentry_link links[NET_MAX_LINKS];
	static struct sentry_addr addrs[NET_MAX_LINKS][NET_MAX_ADDRS];
	static struct sentry_route routes[NET_MAX_ROUTES];
	static struct sentry_neigh neighs[NET_MAX_NEIGHS];

	for (uint32_t i = 0; i < plan->n_links && i < n_fds; i++) {
		const struct net_plan_link *from = &plan->links[i];

		for (uint32_t j = 0; j < from->n_addrs; j++) {
			addrs[i][j] = (struct sentry_addr){.family = from->addrs[j].family,
							   .prefix_len = from->addrs[j].prefix_len};
			memcpy(addrs[i][j].addr, from->addrs[j].addr, 16);
		}
		links[i] = (struct sentry_link){
			.type = from->tap ? SENTRY_LINK_TAP : SENTRY_LINK_AFPACKET,
			.fd = fds[i],
			.name = from->name,
			.mtu = from->mtu,
			.offloads = from->offloads,
			.addrs = addrs[i],
			.n_addrs = from->n_addrs,
		};
		memcpy(links[i].mac, from->mac, 6);
		cfg->n_links++;
	}
	for (uint32_t i = 0; i < plan->n_routes; i++) {
		const struct net_plan_route *from = &plan->routes[i];

		routes[i] = (struct sentry_route){.family = from->family,
						  .dst_len = from->dst_len,
						  .has_gateway = from->has_gateway,
						  .metric = from->metric,
						  .link = (int)from->link};
		memcpy(routes[i].dst, from->dst, 16);
		memcpy(routes[i].gateway, from->gateway, 16);
	}
	for (uint32_t i = 0; i < plan->n_neighs; i++) {
		const struct net_plan_neigh *from = &plan->neighs[i];

		neighs[i] = (struct sentry_neigh){.family = from->family, .link = (int)from->link};
		memcpy(neighs[i].addr, from->addr, 16);
		memcpy(neighs[i].mac, from->mac, 6);
	}
	cfg->links = links;
	cfg->routes = routes;
	cfg->n_routes = plan->n_routes;
	cfg->neighs = neighs;
	cfg->n_neighs = plan->n_neighs;
}

static void close_foreign_fds(const struct sentry_config *cfg)
{
	size_t room = cfg->n_mounts + cfg->n_links + cfg->init.n_extra_fds + 8, n = 0;
	int *keep = calloc(room, sizeof(*keep));

	if (!keep)
		_exit(1);
	for (size_t i = 0; i < cfg->n_mounts; i++)
		keep[n++] = cfg->mounts[i].type == SENTRY_MOUNT_GOFER ? cfg->mounts[i].fd : -1;
	for (size_t i = 0; i < cfg->n_links; i++)
		keep[n++] = cfg->links[i].fd;
	for (size_t i = 0; i < cfg->init.n_extra_fds; i++)
		keep[n++] = cfg->init.extra_fds[i];
	for (int i = 0; i < 3; i++)
		keep[n++] = cfg->init.fds[i];
	keep[n++] = cfg->control_fd;
	keep[n++] = cfg->ready_fd;
	keep[n++] = cfg->log_fd;
	keep[n++] = cfg->pcap_fd;
	close_all_but(keep, n);
	free(keep);
}

static void become_nobody(int sync_fd)
{
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		child_fail(sync_fd, -errno, "setgroups");
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0)
		child_fail(sync_fd, -errno, "setresgid");
	if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
		child_fail(sync_fd, -errno, "setresuid");
}

static NORETURN void sandbox_child(const struct sandbox_params *params, int sync_fd)
{
	struct sentry_config cfg = params->config;
	struct sync_msg msg = {0};
	int fds[NET_MAX_LINKS];
	size_t n_fds;

	reset_signals();
	raise_nofile();
	(void)setsid();
	(void)prctl(PR_SET_NAME, "runsc-sandbox");
	set_oom_score(&params->spec->process);
	/* Window sizes reach us as SIGWINCH; somebody else's controlling terminal is not stolen. */
	if (params->controlling_tty)
		(void)ioctl(cfg.init.fds[0], TIOCSCTTY, 0);

	msg.user_ns = child_namespaces(params, sync_fd);
	if (send(sync_fd, &msg, sizeof(msg), MSG_NOSIGNAL) < 0)
		_exit(1);
	if (recv_fds(sync_fd, &msg, fds, &n_fds) < (ssize_t)sizeof(msg) || msg.error)
		_exit(1);
	if (msg.user_ns)
		become_nobody(sync_fd);
	/* After the ids: changing them clears it. */
	if (params->die_with_parent)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	fill_links(&cfg, params->plan, fds, n_fds);
	close_foreign_fds(&cfg);
	(void)clearenv();
	(void)umask(0);
	_exit(sentry_boot(&cfg));
}

int sandbox_spawn(const struct sandbox_params *params, struct sandbox_process *ret,
		  struct cause *cause)
{
	int sv[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return cause_errno(cause, -errno, "socketpair");
	pid = fork_pidns(cause);
	if (pid == 0) {
		close(sv[0]);
		sandbox_child(params, sv[1]);
	}
	close(sv[1]);
	if (pid < 0) {
		close(sv[0]);
		return pid;
	}
	*ret = (struct sandbox_process){pid, sv[0]};
	return 0;
}

/* How a child ended, in words. */
static int report_death(pid_t pid, struct cause *cause)
{
	int status = 0;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return cause_set(cause, -ECHILD, "sandbox process is gone");
	if (WIFSIGNALED(status))
		return cause_set(cause, -ECHILD, "sandbox process was killed by signal %d (%s)",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return cause_set(cause, -ECHILD, "sandbox process ended with status %d",
			 WEXITSTATUS(status));
}

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];
	int fd, r = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int read_prepared(struct sandbox_process *p, struct sync_msg *msg, struct cause *cause)
{
	ssize_t n;

	do {
		n = recv(p->sync_fd, msg, sizeof(*msg), 0);
	} while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof(*msg)) {
		struct pollfd wait = {-1, 0, 0};

		(void)poll(&wait, 0, 50);
		return report_death(p->pid, cause);
	}
	msg->text[sizeof(msg->text) - 1] = 0;
	if (msg->error)
		return cause_errno(cause, msg->error, "%s", msg->text);
	return 0;
}

int sandbox_go(struct sandbox_process *p, const int *fds, size_t n_fds, bool user_ns,
	       struct cause *cause)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * NET_MAX_LINKS)];
		struct cmsghdr align;
	} ctl = {0};
	struct sync_msg msg = {.user_ns = user_ns};
	struct iovec iov = {&msg, sizeof(msg)};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};

	if (user_ns) {
		static const char map[] = "65534 65534 1\n";
		int r = write_proc(p->pid, "uid_map", map);

		if (r >= 0)
			r = write_proc(p->pid, "gid_map", map);
		if (r < 0)
			return cause_errno(cause, r, "id map of the sandbox");
	}
	if (n_fds) {
		struct cmsghdr *c;

		hdr.msg_control = ctl.buf;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	if (sendmsg(p->sync_fd, &hdr, MSG_NOSIGNAL) < 0)
		return report_death(p->pid, cause);
	return 0;
}

int sandbox_prepared(struct sandbox_process *p, bool *ret_user_ns, struct cause *cause)
{
	struct sync_msg msg;
	int r = read_prepared(p, &msg, cause);

	if (r >= 0)
		*ret_user_ns = msg.user_ns != 0;
	return r;
}

int sandbox_wait_ready(struct sandbox_process *p, int ready_fd, struct cause *cause)
{
	struct sentry_ready ready;
	struct sync_msg msg;
	size_t got = 0;

	while (got < sizeof(ready)) {
		ssize_t n = read(ready_fd, (char *)&ready + got, sizeof(ready) - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (got == sizeof(ready)) {
		ready.message[sizeof(ready.message) - 1] = 0;
		if (!ready.error)
			return 0;
		return cause_set(cause, ready.error, "%s",
				 ready.message[0] ? ready.message : strerror(-ready.error));
	}
	/* It ended without a word; perhaps it said why on the way. */
	if (recv(p->sync_fd, &msg, sizeof(msg), MSG_DONTWAIT) == (ssize_t)sizeof(msg) &&
	    msg.error) {
		msg.text[sizeof(msg.text) - 1] = 0;
		return cause_errno(cause, msg.error, "%s", msg.text);
	}
	struct proc_id id;

	if (proc_identify(p->pid, &id))
		(void)proc_wait(&id, 2000);
	return report_death(p->pid, cause);
}
