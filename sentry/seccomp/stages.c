/* SPDX-License-Identifier: Apache-2.0 */
/* The privilege timeline of the sentry: see stages.h. These are the last calls that are not in
 * host/: they happen before the filter, and the filter does not allow them. */
#include "seccomp/stages.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/filter.h"
#include "sentry/boot.h"

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static int close_between(unsigned first, unsigned last)
{
	if (first > last)
		return 0;
	return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

int stage_fds(const int *keep, size_t n)
{
	int *sorted = calloc(n + 1, sizeof(*sorted));
	unsigned next = 0;
	int r = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = keep[i];
	qsort(sorted, n, sizeof(*sorted), compare);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (sorted[i] < 0 || (unsigned)sorted[i] < next)
			continue;
		if ((unsigned)sorted[i] > next)
			r = close_between(next, (unsigned)sorted[i] - 1);
		next = (unsigned)sorted[i] + 1;
	}
	if (r == 0)
		r = close_between(next, ~0U);
	free(sorted);
	return r;
}

int stage_fds_config(const struct sentry_config *cfg)
{
	size_t n = 3 + 4 + 3 + cfg->n_mounts + cfg->n_links + cfg->init.n_extra_fds, k = 0;
	int *keep = calloc(n, sizeof(*keep));

	if (!keep)
		return -ENOMEM;
	for (int fd = 0; fd < 3; fd++)
		keep[k++] = fd;
	keep[k++] = cfg->control_fd;
	keep[k++] = cfg->ready_fd;
	keep[k++] = cfg->log_fd;
	keep[k++] = cfg->pcap_fd;
	for (int i = 0; i < 3; i++)
		keep[k++] = cfg->init.fds[i];
	for (size_t i = 0; i < cfg->init.n_extra_fds; i++)
		keep[k++] = cfg->init.extra_fds[i];
	for (size_t i = 0; i < cfg->n_mounts; i++)
		keep[k++] = cfg->mounts[i].type == SENTRY_MOUNT_GOFER ? cfg->mounts[i].fd : -1;
	for (size_t i = 0; i < cfg->n_links; i++)
		keep[k++] = cfg->links[i].fd;

	int r = stage_fds(keep, k);

	free(keep);
	return r;
}

/* In a mount namespace of its own, so that nothing here can reach the host's mounts. */
int stage_root(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	/* Any directory will do as the mount point: the old root goes away. */
	if (mount("none", "/", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=0,nr_inodes=2,mode=0555") < 0)
		return -errno;
	/* "/" still names the old root; the new mount is above it. */
	if (chdir("/..") < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	if (umount2(".", MNT_DETACH) < 0)
		return -errno;
	if (chdir("/") < 0)
		return -errno;
	if (mount(NULL, "/", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -errno;
	return 0;
}

int stage_limits(void)
{
	struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int stage_caps(void)
{
	struct __user_cap_header_struct hdr = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {0};
	unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
			     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
			     SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	/* Without CAP_SETPCAP there is nothing to lock: then the sets are empty already. */
	(void)prctl(PR_SET_SECUREBITS, bits, 0, 0, 0);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &hdr, none) < 0 ? -errno : 0;
}

int stage_nnp(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int stage_filter(void)
{
	return filter_install();
}

int stages_lock_down(void)
{
	int (*const stage[])(void) = {stage_root, stage_limits, stage_caps, stage_nnp,
				      stage_filter};

	for (size_t i = 0; i < sizeof(stage) / sizeof(*stage); i++) {
		int r = stage[i]();

		if (r < 0)
			return r;
	}
	return 0;
}
