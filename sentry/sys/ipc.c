/* SPDX-License-Identifier: Apache-2.0 */
/* System V IPC: decoding. */
#include <errno.h>

#include "core/clock.h"
#include "ipc/ipc.h"
#include "sys/table.h"
#include "task/task.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/ipc.def"
#undef SYSCALL

long sys_shmget(struct task *t, const struct sysargs *a)
{
	return ipc_shmget(t, (int32_t)a->a[0], a->a[1], (int)a->a[2]);
}

long sys_shmat(struct task *t, const struct sysargs *a)
{
	return ipc_shmat(t, (int)a->a[0], a->a[1], (int)a->a[2]);
}

long sys_shmdt(struct task *t, const struct sysargs *a)
{
	return ipc_shmdt(t, a->a[0]);
}

long sys_shmctl(struct task *t, const struct sysargs *a)
{
	return ipc_shmctl(t, (int)a->a[0], (int)a->a[1], a->a[2]);
}

long sys_semget(struct task *t, const struct sysargs *a)
{
	return ipc_semget(t, (int32_t)a->a[0], (int)a->a[1], (int)a->a[2]);
}

long sys_semop(struct task *t, const struct sysargs *a)
{
	return ipc_semop(t, (int)a->a[0], a->a[1], (uint32_t)a->a[2], WAIT_FOREVER);
}

long sys_semtimedop(struct task *t, const struct sysargs *a)
{
	int64_t deadline = WAIT_FOREVER, now = clock_mono_ns();
	struct timespec ts;

	if (a->a[3]) {
		if (copy_in(t, &ts, a->a[3], sizeof(ts)) < 0)
			return -EFAULT;
		if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NS_PER_SEC)
			return -EINVAL;
		if (ts.tv_sec < (INT64_MAX - now) / NS_PER_SEC - 1)
			deadline = now + ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	}
	return ipc_semop(t, (int)a->a[0], a->a[1], (uint32_t)a->a[2], deadline);
}

long sys_semctl(struct task *t, const struct sysargs *a)
{
	return ipc_semctl(t, (int)a->a[0], (int)a->a[1], (int)a->a[2], a->a[3]);
}

long sys_msgget(struct task *t, const struct sysargs *a)
{
	return ipc_msgget(t, (int32_t)a->a[0], (int)a->a[1]);
}

long sys_msgsnd(struct task *t, const struct sysargs *a)
{
	return ipc_msgsnd(t, (int)a->a[0], a->a[1], a->a[2], (int)a->a[3]);
}

long sys_msgrcv(struct task *t, const struct sysargs *a)
{
	return ipc_msgrcv(t, (int)a->a[0], a->a[1], a->a[2], (int64_t)a->a[3], (int)a->a[4]);
}

long sys_msgctl(struct task *t, const struct sysargs *a)
{
	return ipc_msgctl(t, (int)a->a[0], (int)a->a[1], a->a[2]);
}
