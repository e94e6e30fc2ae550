/* SPDX-License-Identifier: Apache-2.0 */
/* Users, groups, capabilities: the rules of setuid(2) and its kin, starting as root. */
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>

#include "guest.h"

static void ids(const char *what)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	printf("%s: uid %d %d %d gid %d %d %d fs %d %d\n", what, r, e, s, rg, eg, sg, setfsuid(-1),
	       setfsgid(-1));
}

static void caps(const char *what)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	syscall(SYS_capget, &h, d);
	printf("%s: kill eff %d perm %d inh %d; any eff %d any perm %d\n", what,
	       (d[0].effective >> CAP_KILL) & 1, (d[0].permitted >> CAP_KILL) & 1,
	       (d[0].inheritable >> CAP_KILL) & 1, (d[0].effective | d[1].effective) != 0,
	       (d[0].permitted | d[1].permitted) != 0);
}

#define CHILD(name, ...)                                                                           \
	static void name(void)                                                                     \
	{                                                                                          \
		int st;                                                                            \
		fflush(stdout);                                                                    \
		pid_t pid = fork();                                                                \
		if (pid == 0) {                                                                    \
			printf("-- " #name "\n");                                                  \
			__VA_ARGS__;                                                               \
			fflush(stdout);                                                            \
			_exit(0);                                                                  \
		}                                                                                  \
		waitpid(pid, &st, 0);                                                              \
	}

CHILD(setuid_root, {
	caps("root");
	SHOW(syscall(SYS_setuid, 1000));
	ids("after setuid");
	caps("after setuid");
	SHOW(syscall(SYS_setuid, 0));
	SHOW(syscall(SYS_setgid, 5));
	SHOW(syscall(SYS_setgroups, 0, NULL));
})

CHILD(seteuid_back, {
	SHOW(syscall(SYS_setresuid, -1, 1000, -1));
	ids("euid 1000");
	caps("euid 1000");
	SHOW(syscall(SYS_setresuid, -1, 0, -1));
	ids("back");
	caps("back");
	SHOW(syscall(SYS_setreuid, 1000, 1001));
	ids("reuid");
	SHOW(syscall(SYS_setreuid, 1001, -1));
	ids("swap");
	SHOW(syscall(SYS_setresuid, 1, 2, 3));
	SHOW(syscall(SYS_setuid, -1));
})

CHILD(gids, {
	gid_t list[3] = {30, 10, 20};
	gid_t got[8];

	SHOW(syscall(SYS_setgroups, 3, list));
	SHOW(syscall(SYS_getgroups, 0, NULL));
	SHOW(syscall(SYS_getgroups, 2, got));
	int n = (int)syscall(SYS_getgroups, 8, got);
	for (int i = 0; i < n; i++)
		printf("group %d\n", got[i]);
	SHOW(syscall(SYS_getgroups, -1, got));
	SHOW(syscall(SYS_setgroups, 3, (void *)8));
	SHOW(syscall(SYS_setgroups, 100000, list));
	SHOW(syscall(SYS_setresgid, 100, 101, 102));
	ids("resgid");
	SHOW(syscall(SYS_setregid, -1, 102));
	ids("regid");
	SHOW(syscall(SYS_setresuid, 7, 7, 7));
	SHOW(syscall(SYS_setgid, 100));
	ids("setgid without capability");
	SHOW(syscall(SYS_setgid, 200));
	SHOW(syscall(SYS_setregid, 200, -1));
})

CHILD(fsids, {
	printf("fsuid %d\n", setfsuid(500));
	printf("fsuid %d\n", setfsuid(0));
	printf("fsgid %d\n", setfsgid(500));
	ids("fs");
	syscall(SYS_setresuid, 7, 7, 7);
	printf("fsuid %d\n", setfsuid(0));
	ids("fs dropped");
})

CHILD(keepcaps, {
	SHOW(prctl(PR_SET_KEEPCAPS, 1));
	SHOW(prctl(PR_GET_KEEPCAPS));
	SHOW(syscall(SYS_setresuid, 1000, 1000, 1000));
	caps("kept");
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{0}};

	d[0].permitted = d[0].effective = 1u << CAP_KILL;
	SHOW(syscall(SYS_capset, &h, d));
	caps("only kill");
	d[0].permitted |= 1u << CAP_CHOWN;
	SHOW(syscall(SYS_capset, &h, d));
	d[0].permitted = 1u << CAP_KILL;
	d[0].effective = 1u << CAP_CHOWN;
	SHOW(syscall(SYS_capset, &h, d));
	d[0].effective = 0;
	d[0].inheritable = 1u << CAP_KILL;
	SHOW(syscall(SYS_capset, &h, d));
	SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
	SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
	SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	SHOW(prctl(PR_CAP_AMBIENT, 99, 0, 0, 0));
	SHOW(prctl(PR_CAPBSET_READ, 100));
	SHOW(prctl(PR_CAPBSET_DROP, CAP_KILL));
})

CHILD(cap_calls, {
	struct __user_cap_header_struct h = {0x1234, 0};
	struct __user_cap_data_struct d[2];

	SHOW(syscall(SYS_capget, &h, d));
	printf("version %#x\n", h.version);
	h.version = 0;
	SHOW(syscall(SYS_capget, &h, NULL));
	h = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 99999};
	SHOW(syscall(SYS_capget, &h, d));
	h.pid = -1;
	SHOW(syscall(SYS_capget, &h, d));
	h.pid = 1;
	SHOW(syscall(SYS_capset, &h, d));
	SHOW(syscall(SYS_capget, (void *)8, d));
})

CHILD(signals_between_users, {
	pid_t victim = fork();

	if (victim == 0) {
		syscall(SYS_setresuid, 2000, 2000, 2000);
		for (;;)
			pause();
	}
	sleep_ms(20);
	syscall(SYS_setresuid, 1000, 1000, 1000);
	SHOW(kill(victim, 0));
	SHOW(kill(victim, SIGTERM));
	SHOW(kill(victim, SIGCONT));
	SHOW(syscall(SYS_setpriority, PRIO_PROCESS, victim, 5));
	SHOW(syscall(SYS_setpriority, PRIO_PROCESS, 0, 5));
	SHOW(syscall(SYS_setpriority, PRIO_PROCESS, 0, 0));
	SHOW(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	struct rlimit lim;
	SHOW(prlimit(victim, RLIMIT_CORE, NULL, &lim));
	SHOW(sethostname("x", 1));
})

CHILD(no_new_privs, {
	SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
})

int main(void)
{
	setuid_root();
	seteuid_back();
	gids();
	fsids();
	keepcaps();
	cap_calls();
	signals_between_users();
	no_new_privs();
	return 0;
}
