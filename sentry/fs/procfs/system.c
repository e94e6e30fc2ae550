/* SPDX-License-Identifier: Apache-2.0 */
/* The files of proc(5) that speak of the whole system. */
#include <errno.h>
#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include "boot/kernel.h"
#include "fs/cgroupfs/cgroupfs.h"
#include "core/clock.h"
#include "fs/procfs/procfs.h"
#include "ipc/ipc.h"
#include "mm/memfile.h"
#include "sentry/boot.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "util/list.h"

#define USER_HZ_NS 10000000

/* Memory of the sandbox: the limit of the configuration, or the host's size as far as it is known. */
static int show_meminfo(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	uint64_t total = system_total_memory(kernel_get()) / 1024;
	uint64_t used = MIN(memfile_used_bytes() / 1024, total);
	uint64_t avail = total - used;

	(void)pi;
	(void)t;
	seq_printf(s, "MemTotal:       %8llu kB\nMemFree:        %8llu kB\nMemAvailable:   %8llu kB\n",
		   (unsigned long long)total, (unsigned long long)avail, (unsigned long long)avail);
	seq_printf(s, "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n");
	seq_printf(s, "Active:         %8llu kB\nInactive:              0 kB\nSwapTotal:             0 kB\n"
		      "SwapFree:              0 kB\nDirty:                 0 kB\nWriteback:             0 kB\n",
		   (unsigned long long)used);
	seq_printf(s, "AnonPages:      %8llu kB\nMapped:                0 kB\nShmem:                 0 kB\n"
		      "Slab:                  0 kB\nSReclaimable:          0 kB\nSUnreclaim:            0 kB\n",
		   (unsigned long long)used);
	seq_printf(s, "CommitLimit:    %8llu kB\nCommitted_AS:   %8llu kB\nVmallocTotal:          0 kB\n"
		      "VmallocUsed:           0 kB\nHugePages_Total:       0\nHugePages_Free:        0\n"
		      "HugePages_Rsvd:        0\nHugePages_Surp:        0\nHugepagesize:       2048 kB\n",
		   (unsigned long long)total, (unsigned long long)used);
	return 0;
}

static int show_uptime(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	int64_t up = (clock_mono_ns() - kernel_get()->boot_mono_ns) / USER_HZ_NS;

	(void)pi;
	(void)t;
	seq_printf(s, "%lld.%02lld 0.00\n", (long long)(up / 100), (long long)(up % 100));
	return 0;
}

static int show_loadavg(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct kernel *k = kernel_get();
	struct tgroup *g;
	unsigned running = 0;
	unsigned total = 0;

	(void)pi;
	(void)t;
	rwlock_rdlock(&k->tasks);
	list_for_each_entry(g, &k->groups, kernel_link) {
		struct task *one;

		list_for_each_entry(one, &g->tasks, group_link) {
			total++;
			running += atomic_load(&one->state) == TASK_RUNNING;
		}
	}
	rwlock_unlock(&k->tasks);
	seq_printf(s, "0.00 0.00 0.00 %u/%u %llu\n", running, total,
		   (unsigned long long)atomic_load(&k->forks));
	return 0;
}

static int show_version(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "Linux version %s (netsentry) %s\n", KERNEL_RELEASE, KERNEL_VERSION);
	return 0;
}

static int show_stat(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct kernel *k = kernel_get();
	struct tgroup *g;
	int64_t user = 0, sys = 0;
	unsigned running = 0;

	(void)pi;
	(void)t;
	rwlock_rdlock(&k->tasks);
	list_for_each_entry(g, &k->groups, kernel_link) {
		struct task *one;

		list_for_each_entry(one, &g->tasks, group_link) {
			int64_t u, v;

			task_cpu_split(one, &u, &v);
			user += u;
			sys += v;
			running += atomic_load(&one->state) == TASK_RUNNING;
		}
		user += g->dead_usage.utime_ns;
		sys += g->dead_usage.stime_ns;
	}
	rwlock_unlock(&k->tasks);

	int64_t up = (clock_mono_ns() - k->boot_mono_ns) * k->n_cpus;
	int64_t idle = MAX(up - user - sys, INT64_C(0)) / USER_HZ_NS;

	user /= USER_HZ_NS;
	sys /= USER_HZ_NS;
	seq_printf(s, "cpu  %lld 0 %lld %lld 0 0 0 0 0 0\n", (long long)user, (long long)sys,
		   (long long)idle);
	for (uint32_t i = 0; i < k->n_cpus; i++)
		seq_printf(s, "cpu%u %lld 0 %lld %lld 0 0 0 0 0 0\n", i, (long long)(user / k->n_cpus),
			   (long long)(sys / k->n_cpus), (long long)(idle / k->n_cpus));
	seq_printf(s, "intr 0\nctxt 0\nbtime %lld\nprocesses %llu\nprocs_running %u\nprocs_blocked 0\n"
		      "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
		   (long long)(k->boot_real_ns / NS_PER_SEC),
		   (unsigned long long)atomic_load(&k->forks), running);
	return 0;
}

/* The processor's own words, so that /proc/cpuinfo agrees with the CPUID instruction. */
static void cpu_brand(char vendor[13], char brand[49], unsigned *family, unsigned *model,
		      unsigned *stepping)
{
	unsigned r[4];

	__cpuid(0, r[0], r[1], r[2], r[3]);
	memcpy(vendor, &r[1], 4);
	memcpy(vendor + 4, &r[3], 4);
	memcpy(vendor + 8, &r[2], 4);
	vendor[12] = '\0';
	__cpuid(1, r[0], r[1], r[2], r[3]);
	*stepping = r[0] & 15;
	*family = (r[0] >> 8) & 15;
	*model = (r[0] >> 4) & 15;
	if (*family == 6 || *family == 15)
		*model |= (r[0] >> 12) & 0xf0;
	if (*family == 15)
		*family += (r[0] >> 20) & 255;
	memset(brand, 0, 49);
	__cpuid(0x80000000, r[0], r[1], r[2], r[3]);
	if (r[0] < 0x80000004)
		return;
	for (unsigned i = 0; i < 3; i++) {
		__cpuid(0x80000002 + i, r[0], r[1], r[2], r[3]);
		memcpy(brand + 16 * i, r, 16);
	}
}

struct cpu_flag {
	unsigned leaf, reg, bit;
	const char *name;
};

/* The flags that programs look for. Registers: 0 eax, 1 ebx, 2 ecx, 3 edx. */
static const struct cpu_flag cpu_flags[] = {
	{ 1, 3, 0, "fpu" },    { 1, 3, 4, "tsc" },     { 1, 3, 8, "cx8" },    { 1, 3, 15, "cmov" },
	{ 1, 3, 19, "clflush" }, { 1, 3, 23, "mmx" },  { 1, 3, 24, "fxsr" },  { 1, 3, 25, "sse" },
	{ 1, 3, 26, "sse2" },  { 1, 3, 28, "ht" },     { 1, 2, 0, "pni" },    { 1, 2, 1, "pclmulqdq" },
	{ 1, 2, 9, "ssse3" },  { 1, 2, 12, "fma" },    { 1, 2, 13, "cx16" },  { 1, 2, 19, "sse4_1" },
	{ 1, 2, 20, "sse4_2" }, { 1, 2, 22, "movbe" }, { 1, 2, 23, "popcnt" }, { 1, 2, 25, "aes" },
	{ 1, 2, 26, "xsave" }, { 1, 2, 28, "avx" },    { 1, 2, 29, "f16c" },  { 1, 2, 30, "rdrand" },
	{ 7, 1, 3, "bmi1" },   { 7, 1, 5, "avx2" },    { 7, 1, 8, "bmi2" },   { 7, 1, 9, "erms" },
	{ 7, 1, 16, "avx512f" }, { 7, 1, 17, "avx512dq" }, { 7, 1, 18, "rdseed" }, { 7, 1, 19, "adx" },
	{ 7, 1, 23, "clflushopt" }, { 7, 1, 29, "sha_ni" }, { 7, 1, 30, "avx512bw" },
	{ 7, 1, 31, "avx512vl" }, { 7, 2, 9, "vaes" }, { 7, 3, 4, "fsrm" },
};

static void show_flags(struct seq *s)
{
	unsigned r[4], leaf = 0;

	seq_printf(s, "flags\t\t:");
	for (size_t i = 0; i < ARRAY_LEN(cpu_flags); i++) {
		if (cpu_flags[i].leaf != leaf) {
			leaf = cpu_flags[i].leaf;
			__cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
		}
		if (r[cpu_flags[i].reg] & (1U << cpu_flags[i].bit))
			seq_printf(s, " %s", cpu_flags[i].name);
	}
	seq_printf(s, " lm syscall nx constant_tsc nonstop_tsc\n");
}

static int show_cpuinfo(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct kernel *k = kernel_get();
	char vendor[13], brand[49];
	unsigned family, model, stepping;

	(void)pi;
	(void)t;
	cpu_brand(vendor, brand, &family, &model, &stepping);
	for (uint32_t i = 0; i < k->n_cpus; i++) {
		seq_printf(s, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
			      "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: 2000.000\nphysical id\t: 0\n"
			      "siblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\nfpu\t\t: yes\n"
			      "fpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\n",
			   i, vendor, family, model, brand, stepping, k->n_cpus, i, k->n_cpus);
		show_flags(s);
		seq_printf(s, "bogomips\t: 4000.00\nclflush size\t: 64\ncache_alignment\t: 64\n"
			      "address sizes\t: 48 bits physical, 47 bits virtual\n\n");
	}
	return 0;
}

static int show_filesystems(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n"
		      "nodev\tmqueue\nnodev\tcgroup2\nnodev\t9p\nnodev\toverlay\n");
	return 0;
}

static int show_cmdline(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "netsentry\n");
	return 0;
}

static int show_swaps(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static int show_empty(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	(void)s;
	return 0;
}

static int show_vmstat(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "nr_free_pages %llu\npgfault 0\npgmajfault 0\npswpin 0\npswpout 0\n",
		   (unsigned long long)((system_total_memory(kernel_get()) - memfile_used_bytes()) / PAGE_SIZE));
	return 0;
}

static int show_devices(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	seq_printf(s, "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n"
		      "136 pts\n\nBlock devices:\n");
	return 0;
}

static int show_cgroups(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)pi;
	(void)t;
	const char *name;

	seq_printf(s, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
	for (size_t i = 0; (name = cgroup_view_controller(i)); i++)
		seq_printf(s, "%s\t%zu\t1\t1\n", name, i + 1);
	return 0;
}

#define FILE_OPS(name) static const struct pseudo_ops name##_ops = { .show = show_##name }
FILE_OPS(meminfo);
FILE_OPS(uptime);
FILE_OPS(loadavg);
FILE_OPS(version);
FILE_OPS(stat);
FILE_OPS(cpuinfo);
FILE_OPS(filesystems);
FILE_OPS(cmdline);
FILE_OPS(swaps);
FILE_OPS(empty);
FILE_OPS(vmstat);
FILE_OPS(devices);
FILE_OPS(cgroups);

static int show_sysvipc(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	static void (*const show[])(struct seq *s) = { ipc_show_shm, ipc_show_sem, ipc_show_msg };

	(void)t;
	show[pi->arg](s);
	return 0;
}

static const struct pseudo_ops sysvipc_ops = { .show = show_sysvipc };

static int sysvipc_fill(struct pseudo_inode *root)
{
	static const char *const names[] = { "shm", "sem", "msg" };
	struct pseudo_inode *dir;
	int r = pseudo_mkdir(root, "sysvipc", 0555, &dir);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++)
		r = pseudo_add(dir, names[i], 0100444, &sysvipc_ops, NULL, i, NULL);
	return r;
}

int proc_system_fill(struct pseudo_inode *root)
{
	static const struct {
		const char *name;
		const struct pseudo_ops *ops;
	} files[] = {
		{ "meminfo", &meminfo_ops },   { "uptime", &uptime_ops },
		{ "loadavg", &loadavg_ops },   { "version", &version_ops },
		{ "stat", &stat_ops },	       { "cpuinfo", &cpuinfo_ops },
		{ "filesystems", &filesystems_ops }, { "cmdline", &cmdline_ops },
		{ "swaps", &swaps_ops },       { "modules", &empty_ops },
		{ "vmstat", &vmstat_ops },     { "devices", &devices_ops },
		{ "cgroups", &cgroups_ops },   { "locks", &empty_ops },
		{ "diskstats", &empty_ops },   { "partitions", &empty_ops },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
		r = proc_file(root, files[i].name, files[i].ops);
	return r < 0 ? r : sysvipc_fill(root);
}
