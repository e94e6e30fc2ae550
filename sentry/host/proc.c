/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and processes of the host. */
#include "host/proc.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "host/rule.h"

HOST_SYSCALL(tgkill, HOST_INT(2, 0));
HOST_SYSCALL(tgkill, HOST_INT(2, SIGURG));
HOST_SYSCALL(tgkill, HOST_INT(2, SIGKILL));
HOST_SYSCALL(tgkill, HOST_INT(2, SIGABRT)); /* abort(3) of ourselves */
HOST_SYSCALL(gettid);
HOST_SYSCALL(getpid);
HOST_SYSCALL(sched_setaffinity);
HOST_SYSCALL(sched_getaffinity); /* pthread */
HOST_SYSCALL(sched_yield);
HOST_SYSCALL(getcpu);
HOST_SYSCALL(prctl, HOST_INT(0, PR_SET_NAME));
HOST_SYSCALL(exit);
HOST_SYSCALL(exit_group);

static cpu_set_t allowed;

int host_affinity_init(void)
{
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0) {
		CPU_ZERO(&allowed);
		CPU_SET(0, &allowed);
	}
	return CPU_COUNT(&allowed);
}

int host_tgkill(pid_t tgid, pid_t tid, int sig)
{
	return syscall(SYS_tgkill, tgid, tid, sig) < 0 ? -errno : 0;
}

pid_t host_gettid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

int host_pin(pid_t tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(tid, sizeof(set), &set) < 0 ? -errno : 0;
}

int host_unpin(pid_t tid)
{
	return sched_setaffinity(tid, sizeof(allowed), &allowed) < 0 ? -errno : 0;
}

int host_cpu(void)
{
	return sched_getcpu();
}

int host_next_cpu(int cpu)
{
	for (; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			return cpu;
	return -1;
}

void host_sched_yield(void)
{
	sched_yield();
}

int64_t host_process_cpu_ns(pid_t pid)
{
	/* The clock of a process's CPU time (clock_getcpuclockid(3), without its check). */
	clockid_t clock = (clockid_t)((~(unsigned)pid << 3) | 2);
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0)
		return -errno;
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}
