/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that root may change in /proc/sys (proc(5)) and that the kernel looks at. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* SYSCTL_VAR(enumerator, name, default, minimum, maximum) */
#define SYSCTL_VARS                                                                                \
	SYSCTL_VAR(SYSCTL_SHMMAX, "kernel.shmmax", INT64_MAX, 0, INT64_MAX)                        \
	SYSCTL_VAR(SYSCTL_SHMALL, "kernel.shmall", INT64_MAX, 0, INT64_MAX)                        \
	SYSCTL_VAR(SYSCTL_SHMMNI, "kernel.shmmni", 4096, 0, 32768)                                 \
	SYSCTL_VAR(SYSCTL_SHM_NEXT_ID, "kernel.shm_next_id", -1, -1, INT32_MAX)                    \
	SYSCTL_VAR(SYSCTL_MSGMAX, "kernel.msgmax", 8192, 0, INT32_MAX)                             \
	SYSCTL_VAR(SYSCTL_MSGMNB, "kernel.msgmnb", 16384, 0, INT32_MAX)                            \
	SYSCTL_VAR(SYSCTL_MSGMNI, "kernel.msgmni", 32000, 0, 32768)                                \
	SYSCTL_VAR(SYSCTL_MSG_NEXT_ID, "kernel.msg_next_id", -1, -1, INT32_MAX)                    \
	SYSCTL_VAR(SYSCTL_SEM_NEXT_ID, "kernel.sem_next_id", -1, -1, INT32_MAX)                    \
	SYSCTL_VAR(SYSCTL_PIPE_MAX, "fs.pipe-max-size", 1048576, 4096, 1 << 30)

enum sysctl_var {
#define SYSCTL_VAR(id, name, def, min, max) id,
	SYSCTL_VARS
#undef SYSCTL_VAR
		SYSCTL_N
};

struct sysctl_desc {
	const char *name;
	_Atomic int64_t value;
	int64_t min, max;
};
extern struct sysctl_desc sysctl_vars[SYSCTL_N];

static inline int64_t sysctl_get(enum sysctl_var v)
{
	return atomic_load_explicit(&sysctl_vars[v].value, memory_order_relaxed);
}
