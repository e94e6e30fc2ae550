/* SPDX-License-Identifier: Apache-2.0 */
/* --strace: one line per system call with decoded arguments, in strace(1)'s notation, to the log. */
#pragma once

struct sysargs;
struct task;

void strace_enter(struct task *t, const struct sysargs *a);
void strace_exit(struct task *t, const struct sysargs *a, long result);
/* A signal delivered, a thread's end, an exec: "--- SIGSEGV {...} ---". */
void strace_note(struct task *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
