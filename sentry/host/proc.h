/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and processes of the host: ours and the stubs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Signal 0, the stubs' kick, or SIGKILL to a stub thread. Returns 0 or -ESRCH. */
int host_tgkill(pid_t tgid, pid_t tid, int sig);
pid_t host_gettid(void);
/* Binds a thread (0: the caller) to one processor. */
int host_pin(pid_t tid, int cpu);
/* Lets a thread (0: the caller) run wherever the sandbox may. */
int host_unpin(pid_t tid);
/* Reads the affinity that the sandbox was given; call once, before any host_pin(). Returns how many
 * processors are in it. */
int host_affinity_init(void);
int host_cpu(void);
/* The first allowed processor not below @cpu, or -1. */
int host_next_cpu(int cpu);
void host_sched_yield(void);
/* CPU time of another process, ns, or a negative errno. */
int64_t host_process_cpu_ns(pid_t pid);
