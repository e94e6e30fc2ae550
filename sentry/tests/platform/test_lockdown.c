/* SPDX-License-Identifier: Apache-2.0 */
/* The privilege stages, each checked by what /proc says of a process that went through it. The
 * process under test is a child; its parent looks at it from outside.
 */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/io.h"
#include "host/mem.h"
#include "platform/systrap/systrap.h"
#include "seccomp/filter.h"
#include "seccomp/stages.h"
#include "sentry/boot.h"

TestSuite(lockdown, .timeout = 60);

static void need_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs CAP_SYS_ADMIN");
}

static int child_pipe[3], kept[3];

/* Runs @fn in a child; it keeps the child alive, the parent checks, then kills it. */
static pid_t child_after(int (*fn)(void))
{
	int p[2], never[2];
	char c = 0;

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(pipe(never), 0);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		child_pipe[0] = p[1];
		child_pipe[1] = never[0];
		child_pipe[2] = never[1];
		c = fn() == 0 ? 'y' : 'n';
		if (write(p[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			if (read(never[0], &c, 1) < 0)
				_exit(1);
	}
	cr_assert_gt(pid, 0);
	memcpy(kept, (int[3]){p[1], never[0], never[1]}, sizeof(kept));
	close(p[1]);
	close(never[0]);
	close(never[1]);
	cr_assert_eq(read(p[0], &c, 1), 1);
	cr_assert_eq(c, 'y', "the stage succeeded");
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The value of a line of /proc/pid/status. */
static void status(pid_t pid, const char *key, char *out, size_t size)
{
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");

	cr_assert(f);
	out[0] = 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':') {
			const char *v = line + strlen(key) + 1;

			while (*v == ' ' || *v == '\t')
				v++;
			snprintf(out, size, "%s", v);
			out[strcspn(out, "\n")] = 0;
		}
	fclose(f);
}

Test(lockdown, drops_all_capabilities)
{
	const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	char v[64];

	need_root();
	pid_t pid = child_after(stage_caps);

	for (size_t i = 0; i < 5; i++) {
		status(pid, sets[i], v, sizeof(v));
		cr_expect_str_eq(v, "0000000000000000", "%s", sets[i]);
	}
	end(pid);
}

static int seccomp_only(void)
{
	return stage_nnp() < 0 ? -1 : stage_filter();
}

Test(lockdown, sets_no_new_privs_and_a_filter)
{
	char v[64];
	pid_t pid = child_after(seccomp_only);

	status(pid, "NoNewPrivs", v, sizeof(v));
	cr_assert_str_eq(v, "1");
	status(pid, "Seccomp", v, sizeof(v));
	cr_assert_str_eq(v, "2");
	end(pid);
}

Test(lockdown, leaves_an_empty_root)
{
	char path[64], old[128], new[128];
	struct statfs fs;
	int n = 0;

	need_root();
	pid_t pid = child_after(stage_root);

	snprintf(path, sizeof(path), "/proc/%d/root/", pid);
	cr_assert_eq(statfs(path, &fs), 0);
	cr_assert_eq(fs.f_type, TMPFS_MAGIC);
	DIR *d = opendir(path);

	cr_assert(d);
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	cr_assert_eq(n, 0, "nothing is in it");
	snprintf(path, sizeof(path), "/proc/%d/root/file", pid);
	cr_assert_eq(open(path, O_CREAT | O_WRONLY, 0600), -1, "and nothing can be made in it");
	/* One mount is left, in a namespace of its own. */
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	FILE *f = fopen(path, "r");
	char line[512];

	for (n = 0; fgets(line, sizeof(line), f);)
		n++;
	fclose(f);
	cr_assert_eq(n, 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	old[readlink("/proc/self/ns/mnt", old, sizeof(old) - 1)] = 0;
	new[readlink(path, new, sizeof(new) - 1)] = 0;
	cr_assert_str_neq(old, new);
	end(pid);
}

static int fds(void)
{
	int keep[] = {0, 1, 2, -1, 40, 3, child_pipe[0], child_pipe[1], child_pipe[2]};

	if (dup2(0, 40) < 0 || dup2(0, 41) < 0 || dup2(0, 77) < 0 || dup2(0, 500) < 0)
		return -1;
	return stage_fds(keep, sizeof(keep) / sizeof(*keep));
}

Test(lockdown, closes_what_was_not_given)
{
	pid_t pid = child_after(fds);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *d = opendir(path);

	cr_assert(d);
	for (const struct dirent *e; (e = readdir(d));) {
		int fd = atoi(e->d_name);

		cr_expect(e->d_name[0] == '.' || fd <= 3 || fd == 40 || fd == kept[0] ||
				  fd == kept[1] || fd == kept[2],
			  "descriptor %d", fd);
	}
	closedir(d);
	end(pid);
}

Test(lockdown, makes_the_process_opaque)
{
	char path[64];
	struct stat st;
	pid_t pid;

	pid = child_after(stage_limits);
	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	FILE *f = fopen(path, "r");
	char line[256];
	bool core = false;

	cr_assert(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "Max core file size", 18))
			core = strstr(line, " 0 ") != NULL;
	fclose(f);
	cr_assert(core, "no core dumps");
	/* Not dumpable: its files in /proc belong to root, whoever it runs as. */
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_uid, 0);
	end(pid);
}

static int status_of(void (*fn)(void))
{
	pid_t pid = fork();
	int st;

	if (pid == 0) {
		if (stage_nnp() < 0 || stage_filter() < 0)
			_exit(100);
		fn();
		syscall(SYS_exit_group, 0);
	}
	waitpid(pid, &st, 0);
	return st;
}

static void do_socket(void)
{
	syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}
static void do_exec(void)
{
	syscall(SYS_execve, "/bin/true", NULL, NULL);
}
static void do_fork(void)
{
	syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
static void do_ptrace(void)
{
	syscall(SYS_ptrace, 16, 1, 0, 0);
}
static void do_exec_map(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void do_exec_protect(void)
{
	mprotect((void *)((uintptr_t)&status_of & ~4095UL), 4096, PROT_READ | PROT_EXEC);
}
static void do_kill(void)
{
	syscall(SYS_tgkill, getpid(), getpid(), SIGTERM);
}
static void do_nothing(void)
{
	void *p = NULL;

	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		_exit(101);
	/* malloc asks for a file of /proc and goes on without it. */
	if (syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY) != -1)
		_exit(103);
	if (host_map_anon(&p, 4096) < 0 || host_unmap(p, 4096) < 0)
		_exit(102);
}

Test(lockdown, kills_what_the_filter_does_not_know)
{
	void (*const bad[])(void) = {do_socket,	  do_exec,	   do_fork, do_ptrace,
				     do_exec_map, do_exec_protect, do_kill};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int st = status_of(bad[i]);

		cr_expect(WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS, "case %zu: status %#x", i, st);
	}
	int st = status_of(do_nothing);

	cr_assert(WIFEXITED(st) && WEXITSTATUS(st) == 0, "status %#x", st);
}

Test(lockdown, allows_fewer_than_75_calls)
{
	cr_assert_lt(filter_count(), 75);
}

/* All of it together, and then guests: spaces, threads, faults, interrupts, files. */
static int run_confined(void)
{
	struct plat_thread *second;
	struct guest g, h;

	platform_up(false);
	int fd = memfd_create("file", 0);

	if (ftruncate(fd, 4096) < 0 || stages_lock_down() < 0)
		return 1;
	for (int i = 0; i < 3; i++) {
		guest_new(&g);
		guest_enter(&g, g_count);
		g.regs.rdi = 600;
		g.regs.rsi = 200;
		guest_run(&g);
		while (g.ev.reason == PLAT_SYSCALL && g.regs.orig_rax == 600)
			guest_answer(&g, 1);
		if (g.regs.orig_rax != 501 || g.regs.rbx != 200)
			return 2;
		if (plat_map(g.space, 0x30000000, 4096, PROT_READ, fd, 0) < 0 ||
		    plat_flush(g.space) < 0)
			return 3;
		guest_enter(&g, g_load);
		g.regs.rdi = 0x30000000;
		if (guest_run(&g) != PLAT_SYSCALL)
			return 4;
		if (plat_thread_new(&second, g.space, g.thread) < 0)
			return 5;
		h = g;
		h.thread = second;
		guest_enter(&h, g_load);
		if (guest_run(&h) != PLAT_FAULT)
			return 6;
		plat_thread_free(second);
		guest_free(&g);
	}
	return 0;
}

Test(lockdown, leaves_a_platform_that_works)
{
	int st;

	need_root();
	pid_t pid = fork();

	if (pid == 0)
		syscall(SYS_exit_group, run_confined());
	waitpid(pid, &st, 0);
	cr_assert(WIFEXITED(st) && WEXITSTATUS(st) == 0, "status %#x", st);
}

/* The stubs and the zygote, seen from outside. */
Test(lockdown, confines_the_stubs)
{
	struct guest g;
	char v[64], path[64];
	pid_t pid[2];

	need_root();
	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_loop);
	guest_run(&g);
	pid[0] = systrap.zygote;
	pid[1] = g.space->pid;
	for (int i = 0; i < 2; i++) {
		status(pid[i], "NoNewPrivs", v, sizeof(v));
		cr_expect_str_eq(v, "1");
		status(pid[i], "Seccomp", v, sizeof(v));
		cr_expect_str_eq(v, "2");
		status(pid[i], "CapEff", v, sizeof(v));
		cr_expect_str_eq(v, "0000000000000000");
		status(pid[i], "CapBnd", v, sizeof(v));
		cr_expect_str_eq(v, "0000000000000000");
		snprintf(path, sizeof(path), "/proc/%d/fd", pid[i]);
		DIR *d = opendir(path);

		cr_assert(d);
		for (const struct dirent *e; (e = readdir(d));) {
			int fd = atoi(e->d_name);

			if (e->d_name[0] == '.')
				continue;
			cr_expect(fd < 3 ||
					  (fd >= STUB_FD_DONE && fd < STUB_FD_DONE + STUB_N_DONE) ||
					  (i == 0 && (fd == STUB_FD_CMD || fd == STUB_FD_EVENT)),
				  "descriptor %d", fd);
		}
		closedir(d);
	}
	/* The guest thread has a filter more than its helper. */
	char helper[64], guest[64];

	status(pid[1], "Seccomp_filters", helper, sizeof(helper));
	status(g.thread->tid, "Seccomp_filters", guest, sizeof(guest));
	cr_assert_eq(atoi(guest), atoi(helper) + 1);
	guest_free(&g);
}
