/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a program file into an address space: #! scripts, ELF, the initial stack.
 *
 * execve in steps, so that nothing is lost when the program is bad:
 * - loader_open() follows #!, reads and validates the ELF headers, opens the interpreter. No effect
 *   outside of the image. Every error of execve(2) that can be told early comes from here.
 * - The caller computes the new credentials from loader_exe().
 * - loader_map() maps everything into a fresh mm (mm_new()) and builds the stack.
 * - loader_free().
 *
 * The file contents, argv and envp are hostile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exec_args;
struct file;
struct loader_image;
struct mm;
struct task;

/* @file: the opened program (borrowed). @path: as given to execve, AT_EXECFN and $0 of a script.
 * @args: sentry memory, borrowed until loader_free().
 * Errors: -ENOEXEC, -ELIBBAD, -EINVAL, -E2BIG, -ENOENT (interpreter), -EACCES, -ELOOP (nested #!),
 * -ENOMEM, -EIO and whatever opening the interpreter says. */
int loader_open(struct loader_image **ret, struct task *t, struct file *file, const char *path,
		const struct exec_args *args);
void loader_free(struct loader_image *img); /* accepts NULL */

/* The program proper (the interpreter of a script): its set-id bits and file capabilities count.
 * Borrowed. */
struct file *loader_exe(const struct loader_image *img);

/* What the auxiliary vector tells. */
struct loader_ids {
	uint32_t uid, euid, gid, egid;
	bool secure; /* AT_SECURE: set-id or file capabilities changed the credentials */
};

struct loader_result {
	uint64_t entry; /* new rip */
	uint64_t sp;	/* new rsp, 16-aligned; all other registers are 0, eflags 0x202 */
	char comm[16];	/* base name of @path, NUL-terminated */
};

/* Maps the image into @mm, which must be new and unshared; fills mm_layout() and mm_set_exe_file().
 * Uses @t's resource limits. On failure @mm is half built and the process cannot go on with it. */
int loader_map(struct loader_image *img, struct mm *mm, struct task *t,
	       const struct loader_ids *ids, struct loader_result *ret);
