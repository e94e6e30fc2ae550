/* SPDX-License-Identifier: Apache-2.0 */
/* sentry_boot(): the order in which a process becomes a sentry. Everything that needs a privilege or a
 * host path is done before stages_lock_down(); nothing of the guest runs before it.
 */
#include "sentry/boot.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "boot/control.h"
#include "boot/kernel.h"
#include "boot/process.h"
#include "core/clock.h"
#include "core/timer.h"
#include "host/io.h"
#include "mm/mm.h"
#include "mm/safecopy.h"
#include "net/netns.h"
#include "platform/platform.h"
#include "seccomp/stages.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/mount.h"

static void report(const struct sentry_config *cfg, int error, const char *why)
{
	struct sentry_ready ready = { .error = error };

	if (cfg->ready_fd < 0)
		return;
	memcpy(ready.message, why, strnlen(why, sizeof(ready.message) - 1));
	(void)host_write(cfg->ready_fd, &ready, sizeof(ready));
	host_close(cfg->ready_fd);
}

static uint32_t count_cpus(const struct sentry_config *cfg)
{
	cpu_set_t set;

	if (cfg->n_cpus > 0)
		return cfg->n_cpus;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (uint32_t)CPU_COUNT(&set);
}

/* A process whose stub was killed from outside has no code to run any more. */
static void on_space_died(const void *mm_cookie)
{
	klog("a stub process was killed: its guest process ends");
	tasks_kill_mm(&kernel_global, mm_cookie);
}

static int kernel_init(struct kernel *k, const struct sentry_config *cfg)
{
	k->cfg = cfg;
	k->log_fd = cfg->log_fd;
	k->strace = cfg->strace;
	k->boot_mono_ns = clock_mono_ns();
	k->boot_real_ns = clock_real_ns();
	k->n_cpus = count_cpus(cfg);
	rwlock_init(&k->tasks, RANK_TASKS);
	list_init(&k->groups);
	mutex_init(&k->uts_mu, RANK_LEAF);
	waitq_init(&k->exit_waitq);
	strncpy(k->hostname, cfg->hostname ? cfg->hostname : "netsentry", sizeof(k->hostname) - 1);
	strncpy(k->domainname, cfg->domainname ? cfg->domainname : "(none)",
		sizeof(k->domainname) - 1);
	/* Left alone, malloc reads /sys to find out how many arenas are worth it, after lock-down. */
	mallopt(M_ARENA_MAX, (int)(2 * k->n_cpus));
	krandom_seed(cfg->seed);
	k->event_fd = host_eventfd();
	return k->event_fd < 0 ? k->event_fd : 0;
}

/* What needs the host: memory, the zygote, sockets of the links. Single-threaded. */
static int boot_privileged(struct kernel *k, const struct sentry_config *cfg, char *why, size_t size)
{
	struct plat_config plat = {
		.no_patching = cfg->no_patching,
		.no_fast_answers = cfg->strace,
		.patch_page = mm_patch_page,
		.reserve = mm_reserve_trampolines,
		.space_died = on_space_died,
	};
	int r;

	snprintf(why, size, "sentry memory");
	r = safecopy_init();
	if (r == 0)
		r = memfile_init(cfg->memory_limit);
	if (r < 0)
		return r;
	snprintf(why, size, "platform systrap: zygote");
	plat.memfd = memfile_fd();
	r = plat_init(&plat);
	if (r < 0)
		return r;
	snprintf(why, size, "network");
	return netns_new(&k->net, cfg, why, size);
}

static int attach_pcap(struct kernel *k, const struct sentry_config *cfg)
{
	struct tee_link links[TEE_MAX_LINKS];
	struct tee_config tc = { .fd = cfg->pcap_fd, .only_link = UINT32_MAX, .links = links };
	struct tee *tee;
	int r;

	if (cfg->pcap_fd < 0)
		return 0;
	tc.n_links = MIN(netns_tee_links(k->net, links, TEE_MAX_LINKS), (size_t)TEE_MAX_LINKS);
	r = tee_new(&tee, &tc);
	if (r < 0)
		return r;
	r = tee_hub_attach(netns_tee(k->net), tee);
	if (r < 0)
		tee_free(tee);
	else
		netns_capture_changed(k->net);
	return r;
}

/* After lock-down: threads, files, the first process. */
static int boot_confined(struct kernel *k, const struct sentry_config *cfg, struct task **init, char *why,
			 size_t size)
{
	int r;

	snprintf(why, size, "threads");
	r = ktimer_thread_start();
	if (r == 0)
		r = vfs_start_threads();
	if (r < 0)
		return r;
	snprintf(why, size, "file systems");
	r = vfs_boot(k, cfg, why, size);
	if (r < 0)
		return r;
	snprintf(why, size, "--pcap");
	r = attach_pcap(k, cfg);
	if (r == 0)
		r = netns_start(k->net);
	if (r < 0)
		return r;
	return process_new(init, k, &cfg->init, true, why, size);
}

/* The status that the host process passes on. */
static int exit_code(const struct kernel *k)
{
	if (atomic_load(&k->dying))
		return 128 + SIGKILL;
	if (WIFSIGNALED(k->init_status))
		return 128 + WTERMSIG(k->init_status);
	return WEXITSTATUS(k->init_status);
}

int sentry_boot(const struct sentry_config *cfg)
{
	struct kernel *k = &kernel_global;
	struct task *init = NULL;
	char why[sizeof(((struct sentry_ready *)0)->message)] = "sentry";
	int r;

	r = cfg->no_sandbox ? 0 : stage_fds_config(cfg);
	if (r == 0)
		r = kernel_init(k, cfg);
	if (r == 0)
		r = boot_privileged(k, cfg, why, sizeof(why));
	if (r == 0 && !cfg->no_sandbox) {
		snprintf(why, sizeof(why), "lock-down");
		r = stages_lock_down();
	}
	if (r == 0)
		r = boot_confined(k, cfg, &init, why, sizeof(why));
	if (r < 0) {
		char text[sizeof(why) + 64];

		/* A sentence that already names its cause is passed on as it is. */
		if (strchr(why, ':'))
			snprintf(text, sizeof(text), "%s", why);
		else
			snprintf(text, sizeof(text), "%s: %s", why, strerror(-r));
		klog("boot failed: %s", text);
		report(cfg, r, text);
		plat_shutdown();
		return r == -ENOENT ? 127 : r == -EACCES || r == -ENOEXEC ? 126 : 128;
	}
	if (cfg->start_now) {
		r = task_start(init);
		if (r < 0) {
			report(cfg, r, "init: thread");
			return 128;
		}
	}
	report(cfg, 0, "");
	control_loop(k, cfg, init);
	if (atomic_load(&k->dying))
		klog("sandbox ends: %s", k->fatal);
	tee_hub_fini(netns_tee(k->net)); /* captures end with what they have */
	plat_shutdown();
	return exit_code(k);
}
