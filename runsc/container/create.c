/* SPDX-License-Identifier: Apache-2.0 */
/* create: the steps in order, and the way back from each. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/inherited.h"
#include "cli/log.h"
#include "container/console.h"
#include "container/control.h"
#include "container/lifecycle.h"
#include "container/process.h"
#include "oci/hooks.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgview.h"

/* Everything a create holds until it has succeeded. */
struct creation {
	const struct globals *g;
	const struct create_args *args;
	struct container *c;
	struct mount_set mounts;
	struct sandbox_params params;
	struct sandbox_process sandbox;
	pid_t gofer;
	int ready[2];
	int link_fds[NET_MAX_LINKS];
	int *extra_fds;
	struct sentry_device *devices;
	char **cgroup_files;
	size_t n_cgroup_files;
	bool adopted;
	bool loopback_only;
};

static int open_debug_log(const struct globals *g, const char *id, bool attached,
			  struct cause *cause)
{
	char path[512];
	size_t len = 0;
	const char *from = g->debug_log;
	int fd;

	if (!from || !from[0]) {
		if ((g->strace || g->debug) && attached)
			return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		return -1;
	}
	/* %ID% %TIMESTAMP% %COMMAND% are replaced; a directory gets a file per sandbox. */
	for (; *from && len + 70 < sizeof(path); from++) {
		int n = 0;

		if (!strncmp(from, "%ID%", 4))
			n = snprintf(path + len, sizeof(path) - len, "%.64s", id), from += 3;
		else if (!strncmp(from, "%TIMESTAMP%", 11))
			n = snprintf(path + len, sizeof(path) - len, "%lld", (long long)time(NULL)),
			from += 10;
		else if (!strncmp(from, "%COMMAND%", 9))
			n = snprintf(path + len, sizeof(path) - len, "boot"), from += 8;
		else
			path[len] = *from, n = 1;
		len += (size_t)n;
	}
	path[len] = 0;
	if (len && path[len - 1] == '/') {
		(void)mkdir(path, 0755);
		snprintf(path + len, sizeof(path) - len, "runsc.log.%lld.%.64s.txt",
			 (long long)time(NULL), id);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return fd < 0 ? cause_errno(cause, -errno, "--debug-log: %s", path) : fd;
}

static int open_pcap(const struct globals *g, struct cause *cause)
{
	int fd;

	if (!g->pcap || !g->pcap[0])
		return -1;
	fd = open(g->pcap, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? cause_errno(cause, -errno, "--pcap: %s", g->pcap) : fd;
}

static int take_extra_fds(struct creation *cr, struct cause *cause)
{
	const char *listen = getenv("LISTEN_FDS");
	unsigned n = cr->args->preserve_fds + (listen ? (unsigned)strtoul(listen, NULL, 10) : 0);

	if (!n)
		return 0;
	if (n > 1024)
		return cause_set(cause, -EINVAL, "--preserve-fds: %u is too many", n);
	cr->extra_fds = calloc(n, sizeof(int));
	if (!cr->extra_fds)
		return cause_errno(cause, -ENOMEM, "--preserve-fds");
	for (unsigned i = 0; i < n; i++) {
		/* Copies above the range: ours may not be confused with the ones to pass. */
		cr->extra_fds[i] = inherited_fd(3 + (int)i)
					   ? fcntl(3 + (int)i, F_DUPFD_CLOEXEC, 3 + (int)n)
					   : -1;
		if (cr->extra_fds[i] < 0)
			return cause_set(cause, -EBADF, "--preserve-fds: descriptor %u is not open",
					 3 + i);
	}
	cr->params.config.init.extra_fds = cr->extra_fds;
	cr->params.config.init.n_extra_fds = n;
	return 0;
}

static int open_stdio(struct creation *cr, struct cause *cause)
{
	struct sentry_process *init = &cr->params.config.init;
	int slave;

	if (init->terminal && cr->args->console_socket) {
		slave = console_send(cr->args->console_socket, init->rows, init->cols, cause);
		if (slave < 0)
			return slave;
		init->fds[0] = slave;
		init->fds[1] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
		init->fds[2] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
		cr->params.controlling_tty = true;
		return 0;
	}
	if (init->terminal && !cr->args->own_terminal)
		return cause_set(cause, -EINVAL,
				 "config.json: /process/terminal: needs --console-socket");
	if (!init->terminal && cr->args->console_socket)
		return cause_set(cause, -EINVAL,
				 "--console-socket: config.json asks for no terminal");
	for (int i = 0; i < 3; i++)
		init->fds[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
	if (init->terminal) {
		uint16_t rows, cols;

		if (console_size(STDIN_FILENO, &rows, &cols)) {
			init->rows = rows;
			init->cols = cols;
		}
		console_save(STDIN_FILENO);
	}
	return 0;
}

static uint32_t cpus_of(const struct oci_resources *r)
{
	int64_t period = r->cpu_period > 0 ? r->cpu_period : 100000;

	return r->cpu_quota > 0 ? (uint32_t)((r->cpu_quota + period - 1) / period) : 0;
}

static int fill_devices(struct creation *cr, struct cause *cause)
{
	const struct oci_spec *spec = cr->args->spec;

	if (!spec->n_devices)
		return 0;
	cr->devices = calloc(spec->n_devices, sizeof(*cr->devices));
	if (!cr->devices)
		return cause_errno(cause, -ENOMEM, "linux.devices");
	for (size_t i = 0; i < spec->n_devices; i++) {
		const struct oci_device *from = &spec->devices[i];
		uint32_t kind = from->type == 'p' ? S_IFIFO : from->type == 'b' ? S_IFBLK : S_IFCHR;

		cr->devices[i] = (struct sentry_device){.path = from->path,
							.mode = kind | (from->mode & 07777),
							.major = (uint32_t)from->major,
							.minor = (uint32_t)from->minor,
							.uid = from->uid,
							.gid = from->gid};
	}
	cr->params.config.devices = cr->devices;
	cr->params.config.n_devices = spec->n_devices;
	return 0;
}

static int fill_cgroup_view(struct creation *cr, struct cause *cause)
{
	struct sentry_config *cfg = &cr->params.config;
	int r = cgview_files(&cr->args->spec->resources, true, &cr->cgroup_files, &cr->n_cgroup_files);

	if (r < 0)
		return cause_errno(cause, r, "cgroup view");
	cfg->cgroup_files = (const char *const *)cr->cgroup_files;
	cfg->n_cgroup_files = cr->n_cgroup_files;
	return 0;
}

static int fill_config(struct creation *cr, struct cause *cause)
{
	static const char *const listen_env[] = {NULL, "LISTEN_PID=1", NULL};
	const struct oci_spec *spec = cr->args->spec;
	struct sentry_config *cfg = &cr->params.config;
	const char *const *env, *extra[ARRAY_LEN(listen_env)] = {NULL};
	const char *listen = getenv("LISTEN_FDS");
	char text[64];
	int r;

	if (listen) {
		snprintf(text, sizeof(text), "LISTEN_FDS=%.32s", listen);
		extra[0] = text;
		extra[1] = listen_env[1];
	}
	r = process_env(&cr->args->spec->doc, &spec->process, cr->mounts.root_fd, extra, &env,
			cause);
	if (r < 0)
		return r;
	/* The text above must outlive this function: it is copied by the fork that follows. */
	if (listen)
		((const char **)env)[spec->process.n_env] = strdup(text);
	*cfg = (struct sentry_config){
		.id = cr->c->id,
		.hostname = spec->hostname && spec->hostname[0] ? spec->hostname : NULL,
		.domainname = spec->domainname,
		.mounts = cr->mounts.mounts,
		.n_mounts = cr->mounts.n_mounts,
		.masked_paths = spec->masked_paths,
		.readonly_paths = spec->readonly_paths,
		.root_readonly = spec->root_readonly,
		.sysctls = spec->sysctls,
		.control_fd = -1,
		.ready_fd = -1,
		.log_fd = -1,
		.pcap_fd = -1,
		.strace = cr->g->strace,
		.debug = cr->g->debug,
		.no_patching = cr->g->no_patching,
		.init_ordinary = cr->args->ordinary_init,
		.memory_limit = spec->resources.memory_limit > 0
					? (uint64_t)spec->resources.memory_limit
					: 0,
		.n_cpus = cpus_of(&spec->resources),
	};
	r = fill_devices(cr, cause);
	if (r >= 0)
		r = fill_cgroup_view(cr, cause);
	if (r < 0)
		return r;
	if (getrandom(cfg->seed, sizeof(cfg->seed), 0) != (ssize_t)sizeof(cfg->seed))
		return cause_errno(cause, -errno, "random seed");
	return process_to_sentry(&cr->args->spec->doc, &spec->process, env, &cfg->init, cause);
}

static int open_descriptors(struct creation *cr, struct cause *cause)
{
	struct sentry_config *cfg = &cr->params.config;
	int r = take_extra_fds(cr, cause);

	if (r < 0)
		return r;
	r = open_debug_log(cr->g, cr->c->id, cr->args->attached, cause);
	if (r < -1)
		return r;
	cfg->log_fd = r;
	r = open_pcap(cr->g, cause);
	if (r < -1)
		return r;
	cfg->pcap_fd = r;
	r = control_listen(cr->c, cause);
	if (r < 0)
		return r;
	cfg->control_fd = r;
	if (pipe2(cr->ready, O_CLOEXEC) < 0)
		return cause_errno(cause, -errno, "pipe");
	cfg->ready_fd = cr->ready[1];
	return open_stdio(cr, cause);
}

/* The child has its copies. */
static void close_given(struct creation *cr)
{
	struct sentry_config *cfg = &cr->params.config;
	int *fds[] = {&cfg->control_fd,	 &cfg->log_fd,	    &cfg->pcap_fd,    &cr->ready[1],
		      &cfg->init.fds[0], &cfg->init.fds[1], &cfg->init.fds[2]};

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	for (size_t i = 0; i < cfg->init.n_extra_fds; i++)
		close(cr->extra_fds[i]);
	cfg->init.n_extra_fds = 0;
	mounts_close(&cr->mounts);
}

static bool same_namespace(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/* The container's network namespace: a path of the config, or -1 for a new one. */
static int open_netns(struct creation *cr, struct cause *cause)
{
	const struct oci_namespace_config *ns = &cr->args->spec->namespaces[OCI_NS_NETWORK];
	int fd;

	cr->params.netns_fd = -1;
	cr->loopback_only = false;
	if (cr->g->net_mode != NET_SANDBOX || cr->args->private_net || (ns->present && !ns->path))
		return 0;
	/* "Host networking" of engines. The host's interfaces cannot be ours and its own. */
	if (!ns->present) {
		log_warn("config.json: /linux/namespaces: no network namespace: the host's own "
			 "interfaces are not taken over, the container has a loopback interface only");
		cr->loopback_only = true;
		return 0;
	}
	fd = open(ns->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cause_errno(cause, -errno, "config.json: /linux/namespaces: %s", ns->path);
	if (same_namespace(fd, "/proc/self/ns/net")) {
		close(fd);
		log_warn("config.json: /linux/namespaces: %s is the host's own network namespace, whose "
			 "interfaces are not taken over: the container has a loopback interface only",
			 ns->path);
		cr->loopback_only = true;
		return 0;
	}
	cr->params.netns_fd = fd;
	cr->c->netns = strdup(ns->path);
	return 0;
}

static int save_plan(struct creation *cr, struct cause *cause)
{
	int fd = openat(cr->c->dir_fd, "net.plan", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, cr->params.plan, sizeof(*cr->params.plan));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)sizeof(*cr->params.plan)
		       ? 0
		       : cause_errno(cause, n < 0 ? -errno : -EIO, "container %s: net.plan",
				     cr->c->id);
}

static int private_network(struct creation *cr, int netns_fd, struct cause *cause)
{
	struct net_private cfg = {.lock_dir_fd = cr->c->root_fd, .host_cidr = cr->g->tap_ip};
	char name[16];
	uint32_t rnd;

	if (getrandom(&rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
		return cause_errno(cause, -errno, "random name");
	snprintf(name, sizeof(name), "%s%08x", cr->g->net_mode == NET_TAP ? "nst" : "nsv", rnd);
	cfg.link_name = cr->g->net_mode == NET_TAP && cr->g->tap_name ? cr->g->tap_name : name;
	/* Saved first: a killed create must not leave an unknown interface. A device that was there
	 * before is somebody else's. */
	if (cfg.link_name == name) {
		int r;

		cr->c->host_link = strdup(name);
		r = container_save(cr->c, cause);
		if (r < 0)
			return r;
	}
	if (cr->g->net_mode == NET_TAP)
		return net_private_tap(&cfg, cr->params.plan, &cr->link_fds[0], cause);
	return net_private_veth(&cfg, netns_fd, cr->params.plan, &cr->link_fds[0], cause);
}

/* After the hooks: that is when a manager has put the interfaces there. */
static int set_up_network(struct creation *cr, struct cause *cause)
{
	char path[64], text[64];
	int fd, r = 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)cr->sandbox.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cause_errno(cause, -errno, "%s", path);
	if (cr->g->net_mode == NET_TAP ||
	    (cr->g->net_mode == NET_SANDBOX && cr->args->private_net)) {
		r = private_network(cr, fd, cause);
	} else if (cr->g->net_mode == NET_SANDBOX && !cr->loopback_only) {
		r = net_adopt(fd, cr->params.plan, cr->link_fds, cause);
		cr->adopted = r >= 0;
		if (r >= 0 && cr->c->netns)
			r = save_plan(cr, cause);
	}
	close(fd);
	if (r >= 0 && (net_plan_address(cr->params.plan, AF_INET, text, sizeof(text)) ||
		       net_plan_address(cr->params.plan, AF_INET6, text, sizeof(text))))
		cr->c->address = strdup(text);
	return r;
}

static int run_create_hooks(struct creation *cr, struct cause *cause)
{
	enum container_status status = cr->c->status;
	int r;

	/* The suites and the clients expect "created" here, as other runtimes say. */
	cr->c->status = CONTAINER_CREATED;
	r = hooks_run(cr->args->spec, OCI_HOOK_PRESTART, cr->c, -1, false, cause);
	if (r >= 0)
		r = hooks_run(cr->args->spec, OCI_HOOK_CREATE_RUNTIME, cr->c, -1, false, cause);
	cr->c->status = status;
	return r;
}

static int run_container_hooks(struct creation *cr, struct cause *cause)
{
	char path[64];
	int fd, r;

	if (!cr->args->spec->hooks[OCI_HOOK_CREATE_CONTAINER].n)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)cr->sandbox.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = hooks_run(cr->args->spec, OCI_HOOK_CREATE_CONTAINER, cr->c, fd, false, cause);
	if (fd >= 0)
		close(fd);
	return r;
}

static int start_processes(struct creation *cr, struct cause *cause)
{
	bool die = cr->args->attached;
	int r = gofer_spawn(&cr->mounts, cr->params.config.log_fd, die, &cr->gofer, cause);

	if (r < 0)
		return r;
	cr->params.die_with_parent = die;
	r = sandbox_spawn(&cr->params, &cr->sandbox, cause);
	if (r < 0)
		return r;
	close_given(cr);
	(void)proc_identify(cr->gofer, &cr->c->gofer);
	if (!proc_identify(cr->sandbox.pid, &cr->c->sandbox))
		return cause_set(cause, -ECHILD, "sandbox process did not start");
	cgroup_join(cr->c->cgroups, cr->gofer);
	cgroup_join(cr->c->cgroups, cr->sandbox.pid);
	return container_save(cr->c, cause);
}

static int bring_up(struct creation *cr, struct cause *cause)
{
	bool user_ns = false;
	size_t n_fds;
	int r = sandbox_prepared(&cr->sandbox, &user_ns, cause);

	if (r >= 0)
		r = run_create_hooks(cr, cause);
	if (r >= 0)
		r = set_up_network(cr, cause);
	if (r < 0)
		return r;
	n_fds = cr->params.plan->n_links;
	r = sandbox_go(&cr->sandbox, cr->link_fds, n_fds, user_ns, cause);
	for (size_t i = 0; i < n_fds; i++) {
		close(cr->link_fds[i]);
		cr->link_fds[i] = -1;
	}
	if (r >= 0)
		r = sandbox_wait_ready(&cr->sandbox, cr->ready[0], cause);
	if (r >= 0)
		r = run_container_hooks(cr, cause);
	return r;
}

static int copy_config(struct creation *cr, struct cause *cause)
{
	int fd =
		openat(cr->c->dir_fd, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return cause_errno(cause, -errno, "container %s: config.json", cr->c->id);
	r = json_write(fd, cr->args->spec->doc.root, JSON_COMPACT);
	close(fd);
	return r < 0 ? cause_errno(cause, r, "container %s: config.json", cr->c->id) : 0;
}

static int describe(struct creation *cr, struct cause *cause)
{
	const struct create_args *args = cr->args;
	char rootfs[PATH_MAX];

	snprintf(rootfs, sizeof(rootfs), "%s%s%s",
		 args->spec->root_path[0] == '/' ? "" : args->bundle,
		 args->spec->root_path[0] == '/' ? "" : "/", args->spec->root_path);
	cr->c->version = strdup(args->spec->version);
	cr->c->bundle = strdup(args->bundle);
	cr->c->rootfs = strdup(rootfs);
	cr->c->annotations = json_incref(args->spec->annotations);
	return copy_config(cr, cause);
}

static int build(struct creation *cr, struct cause *cause)
{
	int r;

	if ((r = describe(cr, cause)) < 0 ||
	    (r = mounts_open(&cr->mounts, cr->args->spec, cr->args->bundle, cr->args->overlay_root,
			     cr->args->overlay_binds, cause)) < 0 ||
	    (r = program_check(cr->args->spec, &cr->mounts, cause)) < 0 ||
	    (r = open_netns(cr, cause)) < 0 || (r = fill_config(cr, cause)) < 0)
		return r;
	if (!cr->g->ignore_cgroups) {
		cr->c->cgroups = cgroup_create(cr->args->spec->cgroups_path, cr->c->id,
					       cr->g->systemd_cgroup);
		r = cgroup_apply(cr->c->cgroups, &cr->args->spec->resources, cause);
		if (r < 0)
			return r;
	}
	if ((r = open_descriptors(cr, cause)) < 0 || (r = start_processes(cr, cause)) < 0 ||
	    (r = bring_up(cr, cause)) < 0)
		return r;
	cr->c->status = CONTAINER_CREATED;
	return container_save(cr->c, cause);
}

static void kill_child(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void undo(struct creation *cr)
{
	struct cause ignored;

	kill_child(cr->sandbox.pid);
	kill_child(cr->gofer);
	if (cr->adopted && cr->params.netns_fd >= 0)
		net_restore(cr->params.netns_fd, cr->params.plan);
	if (cr->c->host_link)
		net_link_delete(cr->c->host_link);
	cgroup_remove(cr->c->cgroups);
	(void)container_remove(cr->c, &ignored);
}

static void release(struct creation *cr)
{
	close_given(cr);
	if (cr->ready[0] >= 0)
		close(cr->ready[0]);
	if (cr->sandbox.sync_fd >= 0)
		close(cr->sandbox.sync_fd);
	if (cr->params.netns_fd >= 0)
		close(cr->params.netns_fd);
	for (int i = 0; i < NET_MAX_LINKS; i++) {
		if (cr->link_fds[i] >= 0)
			close(cr->link_fds[i]);
	}
	munmap(cr->params.plan, sizeof(*cr->params.plan));
	free(cr->extra_fds);
	free(cr->devices);
	cgview_free(cr->cgroup_files, cr->n_cgroup_files);
}

int container_create(const struct globals *g, const struct create_args *args,
		     struct container **ret, struct cause *cause)
{
	struct creation cr = {.g = g, .args = args, .ready = {-1, -1}};
	struct sentry_config *cfg = &cr.params.config;
	int r;

	cr.mounts.root_fd = cr.sandbox.sync_fd = cr.params.netns_fd = -1;
	cfg->control_fd = cfg->ready_fd = cfg->log_fd = cfg->pcap_fd = -1;
	for (int i = 0; i < 3; i++)
		cfg->init.fds[i] = -1;
	for (int i = 0; i < NET_MAX_LINKS; i++)
		cr.link_fds[i] = -1;
	cr.params.globals = g;
	cr.params.spec = args->spec;
	cr.params.plan = mmap(NULL, sizeof(*cr.params.plan), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (cr.params.plan == MAP_FAILED)
		return cause_errno(cause, -errno, "memory");
	r = container_new(&cr.c, g->root, args->id, cause);
	if (r >= 0) {
		r = build(&cr, cause);
		/* Its appearance tells the engine that the container is created: last. */
		if (r >= 0 && args->pid_file)
			r = write_pid_file(args->pid_file, cr.sandbox.pid, cause);
		if (r < 0)
			undo(&cr);
	}
	release(&cr);
	if (r < 0) {
		container_close(cr.c);
		return r;
	}
	*ret = cr.c;
	return 0;
}

int write_pid_file(const char *path, pid_t pid, struct cause *cause)
{
	char tmp[PATH_MAX];
	FILE *f;
	int n = snprintf(tmp, sizeof(tmp), "%s.tmp.%d", path, (int)getpid());

	if (n < 0 || (size_t)n >= sizeof(tmp))
		return cause_errno(cause, -ENAMETOOLONG, "--pid-file: %s", path);
	f = fopen(tmp, "we");
	if (!f)
		return cause_errno(cause, -errno, "--pid-file: %s", path);
	fprintf(f, "%d", (int)pid);
	if (fclose(f) != 0 || rename(tmp, path) < 0) {
		int r = -errno;

		(void)unlink(tmp);
		return cause_errno(cause, r, "--pid-file: %s", path);
	}
	return 0;
}
