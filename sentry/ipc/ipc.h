/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory, semaphores and message queues (sysvipc(7)). One IPC namespace. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct seq;
struct task;
struct tgroup;

/* Arguments and results as the system calls of the same names; pointers are guest addresses. */
long ipc_shmget(struct task *t, int32_t key, uint64_t size, int flags);
long ipc_shmat(struct task *t, int id, uint64_t addr, int flags);
long ipc_shmdt(struct task *t, uint64_t addr);
long ipc_shmctl(struct task *t, int id, int cmd, uint64_t buf);
long ipc_semget(struct task *t, int32_t key, int n, int flags);
/* @deadline: CLOCK_MONOTONIC ns, or WAIT_FOREVER. */
long ipc_semop(struct task *t, int id, uint64_t sops, uint64_t n, int64_t deadline);
long ipc_semctl(struct task *t, int id, int num, int cmd, uint64_t arg);
long ipc_msgget(struct task *t, int32_t key, int flags);
long ipc_msgsnd(struct task *t, int id, uint64_t msg, uint64_t size, int flags);
long ipc_msgrcv(struct task *t, int id, uint64_t msg, uint64_t size, int64_t type, int flags);
long ipc_msgctl(struct task *t, int id, int cmd, uint64_t buf);

/* The process's last task is ending: its SEM_UNDO adjustments are made. No locks held. */
void ipc_sem_exit(struct tgroup *g);

/* /proc/sysvipc. */
void ipc_show_shm(struct seq *s);
void ipc_show_sem(struct seq *s);
void ipc_show_msg(struct seq *s);
/* kernel.sem: SEMMSL SEMMNS SEMOPM SEMMNI. */
extern _Atomic int32_t ipc_sem_limits[4];
