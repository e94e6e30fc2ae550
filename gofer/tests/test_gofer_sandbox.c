/* SPDX-License-Identifier: Apache-2.0 */
/* What the process has left after gofer_enter(), and that the server works with it. */
#include "client.h"

#include <dirent.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A gofer in a child process, as runsc makes it: own pid namespace, sandboxed. */
struct boxed {
	struct rig rig; /* sock and the buffers only */
	pid_t pid;
	char dir[64];
};

static void boxed_child(int sock, int root, int log)
{
	int keep[] = {sock, root, log};
	const char *stage = "?";
	struct gofer_sandbox sandbox = {.keep_fds = keep, .n_keep_fds = 3, .ret_stage = &stage};
	struct gofer_mount mount = {.sock_fd = sock, .root_fd = root};
	struct gofer_config cfg = {
		.mounts = &mount, .n_mounts = 1, .shutdown_fd = -1, .log_fd = log};

	cfg.proc_fd = gofer_enter(&sandbox);
	if (cfg.proc_fd < 0) {
		dprintf(log, "stage %s: %s\n", stage, strerror(-cfg.proc_fd));
		_exit(1);
	}
	_exit(gofer_serve(&cfg) < 0);
}

static pid_t fork_pidns(void)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};

	return (pid_t)syscall(435 /* clone3 */, &args, sizeof(args));
}

/* A detached copy of the tree, as runsc makes it, or just a path fd. */
static int open_root(const char *path, bool detached)
{
	if (detached)
		return (int)syscall(428 /* open_tree */, AT_FDCWD, path,
				    1 /* OPEN_TREE_CLONE */ | 0x8000 /* AT_RECURSIVE */ | O_CLOEXEC);
	return open(path, O_PATH | O_CLOEXEC);
}

static struct boxed *boxed_new_on(bool detached)
{
	struct boxed *box = calloc(1, sizeof(*box));
	int sv[2];
	int root;

	strcpy(box->dir, "/tmp/gofer-test-XXXXXX");
	cr_assert_not_null(mkdtemp(box->dir));
	strcpy(box->rig.dir, box->dir);
	rig_file(&box->rig, "f", "hello");
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	root = open_root(box->dir, detached);
	cr_assert_geq(root, 0);
	box->pid = fork_pidns();
	cr_assert_geq(box->pid, 0);
	if (!box->pid)
		boxed_child(sv[1], root, STDERR_FILENO);
	close(sv[1]);
	close(root);
	box->rig.sock = sv[0];
	cr_assert_eq(RPC(&box->rig, TVERSION, tversion, .msize = P9_MSIZE_MAX,
			 .version = p9_str(P9_VERSION_NETSENTRY)),
		     0);
	cr_assert_eq(RPC(&box->rig, TATTACH, tattach, .fid = 0, .afid = P9_NOFID), 0);
	return box;
}

static struct boxed *boxed_new(void)
{
	return boxed_new_on(false);
}

static void boxed_free(struct boxed *box)
{
	int status;

	close(box->rig.sock);
	cr_assert_eq(waitpid(box->pid, &status, 0), box->pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
	unlink(rig_path(&box->rig, "f"));
	cr_assert_eq(rmdir(box->dir), 0);
	free(box);
}

/* The value of one line of /proc/PID/status. */
static const char *status_of(const struct boxed *box, const char *key)
{
	static char line[256];
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", box->pid);
	f = fopen(path, "re");
	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') {
			fclose(f);
			line[strcspn(line, "\n")] = '\0';
			return line + strlen(key) + 1 + strspn(line + strlen(key) + 1, "\t ");
		}
	}
	cr_assert_fail("no %s", key);
	return NULL;
}

Test(sandbox, the_process_has_five_capabilities_a_filter_and_no_way_to_gain_more)
{
	struct boxed *box = boxed_new();
	uint64_t want = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH |
			1ULL << CAP_FOWNER | 1ULL << CAP_FSETID;

	cr_assert_eq(strtoull(status_of(box, "CapEff"), NULL, 16), want);
	cr_assert_eq(strtoull(status_of(box, "CapPrm"), NULL, 16), want);
	cr_assert_eq(strtoull(status_of(box, "CapBnd"), NULL, 16), want);
	cr_assert_eq(strtoull(status_of(box, "CapInh"), NULL, 16), 0);
	cr_assert_eq(strtoull(status_of(box, "CapAmb"), NULL, 16), 0);
	cr_assert_str_eq(status_of(box, "NoNewPrivs"), "1");
	cr_assert_str_eq(status_of(box, "Seccomp"), "2");
	cr_assert_str_eq(status_of(box, "Threads"), "1");
	cr_assert_str_eq(status_of(box, "Groups"), "");
	cr_assert_str_eq(status_of(box, "Umask"), "0000");
	boxed_free(box);
}

static int count_entries(const char *path)
{
	int n = 0;
	DIR *dir = opendir(path);

	cr_assert_not_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

Test(sandbox, the_root_is_empty_and_the_namespaces_are_its_own)
{
	static const char *const kinds[] = {"mnt", "net", "ipc", "uts", "pid"};
	struct boxed *box = boxed_new();
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root", box->pid);
	cr_assert_eq(count_entries(path), 0);
	snprintf(path, sizeof(path), "/proc/%d/cwd", box->pid);
	cr_assert_eq(count_entries(path), 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char theirs[64];
		char ours[64];
		struct stat a;
		struct stat b;

		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", box->pid, kinds[i]);
		snprintf(ours, sizeof(ours), "/proc/self/ns/%s", kinds[i]);
		cr_assert_eq(stat(theirs, &a), 0);
		cr_assert_eq(stat(ours, &b), 0);
		cr_assert_neq(a.st_ino, b.st_ino, "%s", kinds[i]);
	}
	boxed_free(box);
}

Test(sandbox, only_named_fds_are_left)
{
	struct boxed *box = boxed_new();
	char path[64];

	/* 0 1 2, socket, root, its duplicate, proc, epoll */
	snprintf(path, sizeof(path), "/proc/%d/fd", box->pid);
	cr_assert_leq(count_entries(path), 8);
	boxed_free(box);
}

static void every_call_once(struct boxed *box)
{
	struct rig *rig = &box->rig;

	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 1, .name = p9_str("f"), .flags = O_RDWR),
		     0);
	cr_assert_geq(rig->got_fd, 0);
	close(rig->got_fd);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .count = 9), 0);
	cr_assert_eq(rig->reply.rread.data.len, 5);
	cr_assert_eq(
		RPC(rig, TSETATTR, tsetattr, .fid = 1,
		    .valid = P9_SETATTR_MODE | P9_SETATTR_UID | P9_SETATTR_SIZE | P9_SETATTR_MTIME,
		    .mode = 0600, .uid = 7, .size = 2),
		0);
	cr_assert_eq(RPC(rig, TMKDIRAT, tmkdirat, .newfid = 2, .name = p9_str("d"), .mode = 0700,
			 .uid = 8, .gid = 9),
		     0);
	cr_assert_eq(rig->reply.rmkdirat.attr.uid, 8);
	cr_assert_eq(RPC(rig, TLINK, tlink, .dfid = 2, .fid = 1, .name = p9_str("l")), 0);
	cr_assert_eq(RPC(rig, TRENAMEAT, trenameat, .olddirfid = 2, .oldname = p9_str("l"),
			 .newdirfid = 2, .newname = p9_str("m")),
		     0);
	cr_assert_eq(RPC(rig, TSYMLINKAT, tsymlinkat, .dfid = 2, .newfid = 3, .name = p9_str("s"),
			 .target = p9_str("t"), .uid = 1, .gid = 1),
		     0);
	cr_assert_eq(RPC(rig, TREADLINK, treadlink, .fid = 3), 0);
	cr_assert_eq(RPC(rig, TMKNODAT, tmknodat, .dfid = 2, .newfid = P9_NOFID,
			 .name = p9_str("p"), .mode = S_IFIFO | 0600),
		     0);
	cr_assert_eq(RPC(rig, TSETXATTR, tsetxattr, .fid = 1, .name = p9_str("user.a"),
			 .value = data_of("v")),
		     0);
	cr_assert_eq(RPC(rig, TLISTXATTR, tlistxattr, .fid = 1, .size = 99), 0);
	cr_assert_eq(RPC(rig, TGETXATTR, tgetxattr, .fid = 1, .name = p9_str("user.a"), .size = 9),
		     0);
	cr_assert_eq(RPC(rig, TREMOVEXATTR, tremovexattr, .fid = 1, .name = p9_str("user.a")), 0);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .data = data_of("xy")), 0);
	cr_assert_eq(RPC(rig, TFSYNC, tfsync, .fid = 1), 0);
	cr_assert_eq(RPC(rig, TFSYNC, tfsync, .fid = 1, .datasync = 1), 0);
	cr_assert_eq(RPC(rig, TSTATFS, tstatfs, .fid = 1), 0);
	cr_assert_eq(RPC(rig, TLOCK, tlock, .fid = 1, .type = P9_LOCK_WRLCK), 0);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .dfid = 2, .newfid = 4), 0);
	cr_assert_eq(RPC(rig, TREADDIRATTR, treaddirattr, .fid = 4, .count = 9999), 0);
	cr_assert_eq(RPC(rig, TREADDIR, treaddir, .fid = 4, .count = 9999), 0);
	for (int i = 0; i < 3; i++) {
		static const char *const left[] = {"m", "s", "p"};

		cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .dirfid = 2, .name = p9_str(left[i])),
			     0);
	}
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .dirfid = 0, .name = p9_str("d"),
			 .flags = P9_UNLINK_REMOVEDIR),
		     0);
}

Test(sandbox, files_are_served_from_inside)
{
	struct boxed *box = boxed_new();

	every_call_once(box);
	boxed_free(box);
}

Test(sandbox, a_detached_tree_is_a_good_root)
{
	struct boxed *box = boxed_new_on(true);

	every_call_once(box);
	boxed_free(box);
}

Test(sandbox, many_fids_and_a_large_listing_need_no_other_call)
{
	struct boxed *box = boxed_new();
	struct rig *rig = &box->rig;

	for (uint32_t i = 1; i < 5000; i++)
		cr_assert_eq(walk(rig, 0, i, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TVERSION, tversion, .msize = P9_MSIZE_MAX,
			 .version = p9_str(P9_VERSION_NETSENTRY)),
		     0);
	boxed_free(box);
}

static void forbidden(long nr)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct gofer_sandbox sandbox = {0};

		if (gofer_enter(&sandbox) < 0)
			_exit(9);
		(void)!syscall(nr, 0, 0, 0, 0, 0, 0);
		_exit(8);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "call %ld: %x", nr, status);
}

Test(sandbox, an_undeclared_call_kills_the_process)
{
	forbidden(SYS_socket);
	forbidden(SYS_execve);
	forbidden(SYS_clone);
	forbidden(SYS_ptrace);
	forbidden(SYS_connect);
	forbidden(SYS_mount);
	forbidden(SYS_open);
	forbidden(SYS_kill);
}

Test(sandbox, executable_memory_and_device_nodes_are_refused_by_the_filter)
{
	for (int which = 0; which < 2; which++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			struct gofer_sandbox sandbox = {0};

			if (gofer_enter(&sandbox) < 0)
				_exit(9);
			if (which)
				(void)!syscall(SYS_mmap, 0, 4096, 4 /* PROT_EXEC */, 0x22, -1, 0);
			else
				(void)!syscall(SYS_mknodat, -1, "x", S_IFCHR | 0600, 259);
			_exit(8);
		}
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%x", status);
	}
}

Test(sandbox, a_missing_capability_to_raise_limits_is_no_failure)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct gofer_sandbox sandbox = {0};
		struct rlimit limit = {.rlim_cur = 64, .rlim_max = 128};

		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0);
		_exit(gofer_enter(&sandbox) < 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
}

Test(sandbox, the_gofer_dies_with_its_parent)
{
	int fds[2];
	char c;
	pid_t pid;

	cr_assert_eq(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		if (fork() == 0) {
			struct gofer_sandbox sandbox = {.keep_fds = &fds[1], .n_keep_fds = 1};

			if (gofer_enter(&sandbox) >= 0)
				(void)!write(fds[1], "x", 1);
			for (;;)
				(void)!syscall(SYS_epoll_wait, -1, NULL, 0, -1);
		}
		close(fds[1]);
		(void)!read(fds[0], &c, 1);
		_exit(0);
	}
	close(fds[1]);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert_eq(read(fds[0], &c, 1), 0);
	cr_assert_eq(read(fds[0], &c, 1), 0); /* the writing end is closed: it is dead */
}
