/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one static program in a sentry without runsc: tmpfs as root, /dev and /proc when they exist,
 * no network, no lock-down. For developers: bringup [-s] PROGRAM [ARG...]; -s: --strace to stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot/kernel.h"
#include "core/clock.h"
#include "core/timer.h"
#include "fs/hostfs/hostfs.h"
#include "mm/mm.h"
#include "mm/safecopy.h"
#include "platform/platform.h"
#include "sentry/boot.h"
#include "task/task.h"
#include "vfs/mount.h"
#include "vfs/walk.h"

static void check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "bringup: %s: %s\n", what, strerror(-r));
		exit(125);
	}
}

static void copy_program(struct task *t, const char *host, const char *guest)
{
	struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = 0755};
	struct file *f;
	struct stat st;
	int fd = open(host, O_RDONLY);

	check(fd < 0 ? -errno : 0, host);
	fstat(fd, &st);

	char *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	check(vfs_openat(t, AT_FDCWD, guest, &how, &f), guest);
	for (size_t off = 0; off < (size_t)st.st_size;) {
		struct iov_iter it;
		struct iovec one;

		iov_iter_kernel(&it, &one, data + off, (size_t)st.st_size - off);

		ssize_t n = file_write(f, t, &it, NULL, 0);

		check((int)n, "write");
		off += (size_t)n;
	}
	file_put(f);
	munmap(data, (size_t)st.st_size);
	close(fd);
}

static struct task *make_init(struct kernel *k)
{
	struct rlimit limits[RLIM_NLIMITS];
	struct cred *c = cred_new();
	struct task_config cfg = {.limits = limits, .new_session = true, .cred = c};
	struct task *t;

	for (int i = 0; i < RLIM_NLIMITS; i++)
		getrlimit(i, &limits[i]);
	c->cap_effective = c->cap_permitted = c->cap_bounding = (UINT64_C(1) << 41) - 1;
	check(fdtable_new(&cfg.files), "fdtable");
	check(fs_ctx_new(&cfg.fs, &k->root, &k->root, 022), "fs_ctx");
	check(task_new_init(&t, k, &cfg), "task_new_init");
	for (int i = 0; i < 3; i++) {
		struct file *f;

		check(hostfs_open_fd(&f, dup(i)), "hostfs");
		check(fd_install_at(t, f, i, false), "fd_install_at");
	}
	return t;
}

int main(int argc, char **argv)
{
	static struct sentry_mount mounts[3] = {
		{.type = SENTRY_MOUNT_TMPFS, .target = "/", .source = "tmpfs", .fd = -1},
		{.type = SENTRY_MOUNT_DEV, .target = "/dev", .source = "dev", .fd = -1},
		{.type = SENTRY_MOUNT_PROC, .target = "/proc", .source = "proc", .fd = -1},
	};
	static struct sentry_config cfg = {.mounts = mounts, .n_mounts = 2, .log_fd = 2};
	struct plat_config plat = {.patch_page = mm_patch_page, .reserve = mm_reserve_trampolines};
	const char *envp[] = {"PATH=/bin:/usr/bin", "HOME=/", NULL};
	struct kernel *k = &kernel_global;
	char why[256] = "";
	int arg = 1;

	for (; arg < argc && argv[arg][0] == '-'; arg++) {
		if (strcmp(argv[arg], "-s") == 0)
			cfg.strace = plat.no_fast_answers = true;
		if (strcmp(argv[arg], "-n") == 0)
			plat.no_patching = true;
		if (strcmp(argv[arg], "-p") == 0)
			cfg.n_mounts = 3;
	}
	if (arg >= argc)
		return 125;
	k->cfg = &cfg;
	k->log_fd = 2;
	k->strace = cfg.strace;
	k->boot_mono_ns = clock_mono_ns();
	k->boot_real_ns = clock_real_ns();
	k->n_cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	rwlock_init(&k->tasks, RANK_TASKS);
	list_init(&k->groups);
	mutex_init(&k->uts_mu, RANK_LEAF);
	waitq_init(&k->exit_waitq);
	uint8_t seed[32];

	check(getentropy(seed, sizeof(seed)), "seed");
	krandom_seed(seed);
	gethostname(k->hostname, sizeof(k->hostname) - 1);
	check(safecopy_init(), "safecopy");
	check(memfile_init(0), "memfile");
	plat.memfd = memfile_fd();
	check(plat_init(&plat), "plat_init");
	check(ktimer_thread_start(), "timer");
	check(vfs_start_threads(), "vfs threads");
	check(vfs_boot(k, &cfg, why, sizeof(why)), why);

	struct task *t = make_init(k);
	const char *name = strrchr(argv[arg], '/');
	char guest[256];
	struct file *f;

	snprintf(guest, sizeof(guest), "/%s", name ? name + 1 : argv[arg]);
	copy_program(t, argv[arg], guest);
	check(vfs_open_exec(t, AT_FDCWD, guest, 0, &f), guest);

	struct exec_args args = {(const char *const *)argv + arg, envp};

	check(task_exec(t, f, guest, &args), "exec");
	file_put(f);
	check(task_start(t), "start");
	while (!atomic_load(&k->init_exited))
		usleep(1000);
	plat_shutdown();
	return WIFEXITED(k->init_status) ? WEXITSTATUS(k->init_status)
					 : 128 + WTERMSIG(k->init_status);
}
