/* SPDX-License-Identifier: Apache-2.0 */
/* A sentry of a few lines: memory, the callbacks, and guests made of the programs of guest.S. */
#pragma once

#include <criterion/criterion.h>
#include <stdint.h>

#include "platform/platform.h"

#define GUEST_CODE 0x10000000ULL
#define GUEST_DATA 0x20000000ULL
#define GUEST_DATA_SIZE 0x100000ULL
#define GUEST_STACK (GUEST_DATA + GUEST_DATA_SIZE - 0x1000)
#define PROT_RX 5
#define PROT_RW 3

struct guest {
	struct plat_space *space;
	struct plat_thread *thread;
	struct guest_regs regs;
	struct plat_event ev;
};

extern const char guest_code[], guest_code_end[];
extern const char g_loop[], g_crossing[], g_mov[], g_count[], g_spin[], g_fpu[], g_load[],
	g_store[], g_div[], g_ud2[], g_int3[], g_call_reg[], g_jump[], g_int80[], g_gs[],
	g_scribble[], g_fill[];

extern uint8_t *test_memory; /* the memfd: code at 0, data from 1 MiB on */
extern int test_memfd;

/* Starts the platform. */
void platform_up(bool patching);
/* A space with code and data mapped, and a thread in it. */
void guest_new(struct guest *g);
void guest_free(struct guest *g);
/* Sets the registers to enter @program. */
void guest_enter(struct guest *g, const char *program);
/* Where @program lies in the guest. */
uint64_t guest_addr(const char *program);
/* Runs until the next event, with everything loaded. */
enum plat_reason guest_run(struct guest *g);
/* Answers a system call with @rax and runs on. */
enum plat_reason guest_answer(struct guest *g, uint64_t rax);
/* The bytes of the guest's text as they are now. */
const uint8_t *guest_text(const char *program);
