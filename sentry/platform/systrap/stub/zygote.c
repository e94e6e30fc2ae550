/* SPDX-License-Identifier: Apache-2.0 */
/* The zygote: a tiny static program that the sentry executes before it locks itself down. It moves
 * itself into the band at the top of the address space, throws everything else away, and then makes
 * stub processes on request. Guest code never runs in it.
 */
#include "stub.h"

#define NR_WRITE 1
#define NR_MMAP 9
#define NR_MUNMAP 11
#define NR_SIGACTION 13
#define NR_SIGPROCMASK 14
#define NR_MREMAP 25
#define NR_GETPID 39
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_CLOSE 3
#define NR_WAIT4 61
#define NR_GETPPID 110
#define NR_PRCTL 157
#define NR_EXIT_GROUP 231
#define NR_PPOLL 271
#define NR_SECCOMP 317
#define NR_CLOSE_RANGE 436

#define PROT_R 1
#define PROT_RW 3
#define PROT_RX 5
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_FIXED 0x10
#define MAP_ANON 0x20
#define MAP_FIXED_NOREPLACE 0x100000
#define MREMAP_FIXED_MAYMOVE 3
#define SIG_CHLD 17
#define USER_END 0x7ffffffff000

struct k_sigaction {
	const void *handler;
	uint64_t flags;
	const void *restorer;
	uint64_t mask;
};

struct k_pollfd {
	int32_t fd;
	int16_t events, revents;
};

static _Noreturn void die(int code)
{
	for (;;)
		sys1(NR_EXIT_GROUP, code);
}

static long map(uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
	long r = sys6(NR_MMAP, (long)addr, (long)len, prot, flags, fd, (long)off);

	if (r < 0 && r > -4096)
		die(10);
	return r;
}

/* Moves vvar and the vdso into the band, in their order. How vvar is divided into areas differs
 * between kernels; an area moves only whole, so the sizes are tried. */
static void move_vdso(const struct stub_const *k, uint64_t vdso)
{
	uint64_t from = vdso - k->vvar_len, to = k->band + STUB_VDSO, left = k->vvar_len;

	while (left) {
		uint64_t len = 4096;

		while (len <= left && sys6(NR_MREMAP, (long)from, (long)len, (long)len,
					   MREMAP_FIXED_MAYMOVE, (long)to, 0) != (long)to)
			len += 4096;
		if (len > left)
			die(11);
		from += len;
		to += len;
		left -= len;
	}
	if (sys6(NR_MREMAP, (long)vdso, (long)k->vdso_len, (long)k->vdso_len, MREMAP_FIXED_MAYMOVE,
		 (long)to, 0) != (long)to)
		die(11);
}

/* Field by field: a constant structure with addresses in it would need a relocation. */
static void set_signal(int sig, const void *handler, uint64_t flags)
{
	struct k_sigaction sa;

	sa.handler = handler;
	sa.flags = flags;
	sa.restorer = stub_restorer;
	sa.mask = 0;
	if (sys4(NR_SIGACTION, sig, &sa, 0, 8))
		die(12);
}

static void set_signals(void)
{
	static const unsigned char sigs[] = {4, 5, 7, 8, 11, 31, STUB_KICK_SIGNAL};

	/* SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER: handlers are mostly left without
	 * sigreturn, so no signal may be blocked meanwhile. */
	for (unsigned i = 0; i < sizeof(sigs); i++)
		set_signal(sigs[i], stub_signal, 0x4c000004);
	set_signal(SIG_CHLD, stub_nop, 0x04000001 /* SA_RESTORER | SA_NOCLDSTOP */);
}

/* The new process: maps its own pages, makes its first guest thread, becomes the helper. */
static _Noreturn void become_stub(uint64_t band, long zygote, uint32_t space, uint32_t slot)
{
	const struct stub_const *k = (const void *)(band + STUB_CONST);
	uint64_t space_off = CTL_SPACES + (uint64_t)space * CTL_SPACE_SIZE;
	uint64_t slot_off = CTL_SLOTS + (uint64_t)slot * SLOT_SIZE;
	uint64_t at = band + STUB_SLOTS + (uint64_t)slot * SLOT_SIZE;
	uint64_t all = ~0ULL;

	sys2(NR_PRCTL, 1 /* PR_SET_PDEATHSIG */, 9);
	if (sys1(NR_GETPPID, 0) != zygote)
		die(0);
	sys4(NR_SIGPROCMASK, 0, &all, 0, 8);
	sys1(NR_CLOSE, STUB_FD_CMD);
	sys1(NR_CLOSE, STUB_FD_EVENT);
	map(band + STUB_OPS, STUB_OPS_SIZE, PROT_R, MAP_SHARED | MAP_FIXED, STUB_FD_CTL, space_off);
	map(band + STUB_SCRATCH, STUB_SCRATCH_SIZE, PROT_RW, MAP_SHARED | MAP_FIXED, STUB_FD_CTL,
	    space_off + STUB_OPS_SIZE);
	map(band + STUB_FUTEX, STUB_FUTEX_SIZE, PROT_R, MAP_SHARED | MAP_FIXED, STUB_FD_CTL,
	    space_off + CTL_FUTEX);
	map(at + SLOT_IDS, 4096, PROT_R, MAP_SHARED | MAP_FIXED, STUB_FD_CTL, slot_off + SLOT_IDS);
	map(at + SLOT_PP, 4096, PROT_RW, MAP_SHARED | MAP_FIXED, STUB_FD_CTL, slot_off + SLOT_PP);
	map(at + SLOT_FPU, SLOT_FPU_SIZE + SLOT_ALT_SIZE, PROT_RW, MAP_SHARED | MAP_FIXED,
	    STUB_FD_CTL, slot_off + SLOT_FPU);
	if (sys3(NR_SECCOMP, 1, 0, &k->helper_fprog))
		die(13);
	if (stub_clone(STUB_THREAD_FLAGS, (void *)at, (void *)(at + SLOT_PP + PP_TID),
		       (void *)(at + SLOT_PP)) < 0)
		die(14);
	stub_helper(band);
}

static void reap(void)
{
	struct zygote_reply event;
	int status;

	for (;;) {
		long pid = sys4(NR_WAIT4, -1, &status, 1 /* WNOHANG */, 0);

		if (pid <= 0)
			return;
		event.result = (int32_t)pid;
		sys6(NR_SENDTO, STUB_FD_EVENT, (long)&event, sizeof(event), 0x4000, 0, 0);
	}
}

static _Noreturn void serve(uint64_t band)
{
	long me = sys1(NR_GETPID, 0);
	struct zygote_request req;
	struct zygote_reply reply = {0};
	uint64_t none = 0;

	sys6(NR_SENDTO, STUB_FD_CMD, (long)&reply, sizeof(reply), 0x4000, 0, 0);
	for (;;) {
		struct k_pollfd pfd = {STUB_FD_CMD, 1, 0};
		long r = sys6(NR_PPOLL, (long)&pfd, 1, 0, (long)&none, 8, 0);

		if (r == -4)
			reap();
		if (r < 0)
			continue;
		r = sys6(NR_RECVFROM, STUB_FD_CMD, (long)&req, sizeof(req), 0, 0, 0);
		if (r == 0)
			die(0); /* the sentry is gone */
		if (r != sizeof(req) || req.op != ZYGOTE_NEW || req.space >= SPACE_MAX ||
		    req.slot >= SLOT_MAX)
			continue;
		long pid = stub_clone(SIG_CHLD, 0, 0, 0);

		if (pid == 0)
			become_stub(band, me, req.space, req.slot);
		reply.result = (int32_t)pid;
		sys6(NR_SENDTO, STUB_FD_CMD, (long)&reply, sizeof(reply), 0x4000, 0, 0);
	}
}

/* In the band, on the band's stack. */
static void zygote_main(uint64_t band)
{
	const struct stub_const *k = (const void *)(band + STUB_CONST);
	uint64_t chld = 1ULL << (SIG_CHLD - 1);

	if (sys2(NR_MUNMAP, 0, band) ||
	    sys2(NR_MUNMAP, band + STUB_BAND_SIZE, USER_END - band - STUB_BAND_SIZE))
		die(15);
	sys3(NR_CLOSE_RANGE, 3, 7, 0);
	sys3(NR_CLOSE_RANGE, 10, 15, 0);
	sys3(NR_CLOSE_RANGE, STUB_FD_DONE + STUB_N_DONE, ~0U, 0);
	sys2(NR_PRCTL, 1 /* PR_SET_PDEATHSIG */, 9);
	if (k->parent && sys1(NR_GETPPID, 0) != (long)k->parent)
		die(0);
	sys2(NR_PRCTL, 4 /* PR_SET_DUMPABLE */, 0);
	if (sys6(NR_PRCTL, 38 /* PR_SET_NO_NEW_PRIVS */, 1, 0, 0, 0, 0))
		die(16);
	set_signals();
	sys4(NR_SIGPROCMASK, 2, &chld, 0, 8);
	if (sys3(NR_SECCOMP, 1, 0, &k->zygote_fprog))
		die(17);
	serve(band);
}

void zygote_start(const uint64_t *stack)
{
	uint64_t vdso = 0;
	uint64_t argc = stack[0];
	const uint64_t *p = stack + 1 + argc + 1;

	while (*p)
		p++;
	for (p++; p[0]; p += 2)
		if (p[0] == 33 /* AT_SYSINFO_EHDR */)
			vdso = p[1];

	const struct stub_const *k =
		(const void *)map(0, STUB_CONST_SIZE, PROT_R, MAP_SHARED, STUB_FD_CTL, 0);
	uint64_t band = k->band;
	int nr = MAP_FIXED_NOREPLACE;

	map(band, k->image_len, PROT_RX, MAP_PRIVATE | nr, STUB_FD_IMAGE, 0);
	map(band + STUB_CONST, STUB_CONST_SIZE, PROT_R, MAP_SHARED | nr, STUB_FD_CTL, 0);
	map(band + STUB_STACK, STUB_STACK_SIZE, PROT_RW, MAP_PRIVATE | MAP_ANON | nr, -1, 0);
	if (vdso && k->vdso_len)
		move_vdso(k, vdso);
	else if (k->vdso_len)
		die(18);
	stub_jump((void *)(band + STUB_STACK + STUB_STACK_SIZE),
		  (void (*)(uint64_t))(band + ((uint64_t)zygote_main - (uint64_t)stub_image)),
		  band);
}
