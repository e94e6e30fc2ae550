/* SPDX-License-Identifier: Apache-2.0 */
/* Errno values that never reach the guest: Linux's restart family (include/linux/errno.h numbers, as
 * ptrace shows them). A handler returns them; the task's run loop turns them into a restart or EINTR.
 */
#pragma once

#include <errno.h>

#define ERESTARTSYS 512		  /* restart if the handler has SA_RESTART, else EINTR */
#define ERESTARTNOINTR 513	  /* always restart */
#define ERESTARTNOHAND 514	  /* restart if no handler ran, else EINTR */
#define ERESTART_RESTARTBLOCK 516 /* restart by restart_syscall(2) with what the task remembered */
