/* SPDX-License-Identifier: Apache-2.0 */
/* The privilege timeline of the gofer process, in the order of the table at the end. Each stage
 * says what is lost with it. Afterwards the process has: the kept fds, an fd of its own
 * /proc/self/fd, an empty read-only root, five capabilities, and the system calls of
 * sandbox/filter.c.
 */
#include "gofer/gofer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/filter.h"
#include "util/cleanup.h"

struct stages {
	const struct gofer_sandbox *sandbox;
	int proc_fd;
};

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

/* Lost: outliving the parent, and being traced or dumped. */
static int stage_lifetime(struct stages *st)
{
	/* A file size limit or a log that nobody reads are errors to answer, not to die of. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!st->sandbox->outlive_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static bool is_kept(const struct stages *st, int fd)
{
	if (fd == st->proc_fd)
		return true;
	for (size_t i = 0; i < st->sandbox->n_keep_fds; i++) {
		if (st->sandbox->keep_fds[i] == fd)
			return true;
	}
	return false;
}

/* The smallest kept fd >= @from, or -1. */
static int next_kept(const struct stages *st, int from)
{
	int next = st->proc_fd >= from ? st->proc_fd : -1;

	for (size_t i = 0; i < st->sandbox->n_keep_fds; i++) {
		int fd = st->sandbox->keep_fds[i];

		if (fd >= from && (next < 0 || fd < next))
			next = fd;
	}
	return next;
}

/* Lost: every fd that was not named. 0, 1 and 2 stay taken, so that no file lands on them. */
static int stage_fds(struct stages *st)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int at = STDERR_FILENO + 1;
	int r = 0;

	if (null < 0)
		return -errno;
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (!is_kept(st, fd) && fd != null && dup2(null, fd) < 0)
			return -errno;
	}
	for (;;) {
		int keep = next_kept(st, at);
		unsigned last = keep < 0 ? ~0U : (unsigned)keep - 1;

		if ((unsigned)at <= last)
			r = result(syscall(__NR_close_range, (unsigned)at, last, 0));
		if (r < 0 || keep < 0)
			return r;
		at = keep + 1;
	}
}

/* Lost: core dumps. Gained: as many fds as the hard limit allows; raising that needs a capability
 * that may be missing, so it is not tried. */
static int stage_rlimits(struct stages *st)
{
	struct rlimit limit;

	(void)st;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	limit = (struct rlimit){0};
	(void)setrlimit(RLIMIT_CORE, &limit);
	return 0;
}

/* Lost: supplementary groups, and a umask (modes are the client's). */
static int stage_ids(struct stages *st)
{
	(void)st;
	(void)umask(0);
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return -errno;
	return 0;
}

/* Lost: the host's network, IPC objects, host name, and mounts. */
static int stage_namespaces(struct stages *st)
{
	(void)st;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return -errno;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

/* A procfs of our own, attached nowhere. In a pid namespace of our own it shows only ourselves. */
static int own_procfs(void)
{
	int fs = result(syscall(__NR_fsopen, "proc", FSOPEN_CLOEXEC));
	int r;

	if (fs < 0)
		return fs;
	/* Not known before Linux 5.8; hides all but processes. */
	(void)!syscall(__NR_fsconfig, fs, FSCONFIG_SET_STRING, "subset", "pid", 0);
	r = result(syscall(__NR_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	if (r == 0)
		r = result(syscall(__NR_fsmount, fs, FSMOUNT_CLOEXEC,
				   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
	close(fs);
	return r;
}

/* Kept: /proc/self/fd, to open what a path fd names. */
static int stage_proc(struct stages *st)
{
	int mnt = own_procfs();

	if (mnt >= 0) {
		st->proc_fd = openat(mnt, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(mnt);
	}
	if (st->proc_fd < 0)
		st->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return st->proc_fd < 0 ? -errno : 0;
}

/* On a root that pivot_root(2) refuses (an initramfs): move over it instead. */
static int move_root(void)
{
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		return -errno;
	return 0;
}

/* Lost: every path. The root is an empty, read-only, unwritable tmpfs. */
static int stage_root(struct stages *st)
{
	static const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	(void)st;
	/* Any directory that every Linux host has serves as the place to build on. */
	if (mount("none", "/proc", "tmpfs", flags, "size=4k,nr_inodes=2,mode=0555") < 0 ||
	    chdir("/proc") < 0)
		return -errno;
	if (syscall(__NR_pivot_root, ".", ".") == 0) {
		if (umount2(".", MNT_DETACH) < 0)
			return -errno;
	} else {
		int r = move_root();

		if (r < 0)
			return r;
	}
	if (chdir("/") < 0)
		return -errno;
	return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0 ? -errno
											   : 0;
}

#define CAP_BIT(cap) (1ULL << (cap))
static const uint64_t kept_caps = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) |
				  CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) |
				  CAP_BIT(CAP_FSETID);

/* Lost: all capabilities but those that make a file server of root, also from the bounding set. */
static int stage_caps(struct stages *st)
{
	struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	int r;

	(void)st;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (kept_caps >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	r = result(syscall(__NR_capget, &hdr, data));
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		uint32_t keep = (uint32_t)(kept_caps >> (32 * i));

		data[i].permitted &= keep;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return result(syscall(__NR_capset, &hdr, data));
}

/* Lost: every system call that gofer_serve() does not make, and gaining privileges by exec. */
static int stage_seccomp(struct stages *st)
{
	(void)st;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return filter_install();
}

/* clang-format off */
static const struct {
	const char *name;
	int (*fn)(struct stages *st);
} timeline[] = {
	{"lifetime", stage_lifetime},
	{"rlimits", stage_rlimits},
	{"ids", stage_ids},
	{"namespaces", stage_namespaces},
	{"proc", stage_proc},
	{"fds", stage_fds},
	{"root", stage_root},
	{"caps", stage_caps},
	{"seccomp", stage_seccomp},
};
/* clang-format on */

int gofer_enter(const struct gofer_sandbox *sandbox)
{
	struct stages st = {.sandbox = sandbox, .proc_fd = -1};

	for (size_t i = 0; i < ARRAY_LEN(timeline); i++) {
		int r = timeline[i].fn(&st);

		if (r < 0) {
			if (sandbox->ret_stage)
				*sandbox->ret_stage = timeline[i].name;
			return r;
		}
	}
	return st.proc_fd;
}
