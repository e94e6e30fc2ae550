/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the zygote and talking to it. Runs before lock-down, when the sentry has one thread;
 * afterwards only zygote_request_stub() and zygote_answer() are used, under systrap_lock.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/mem.h"
#include "platform/systrap/systrap.h"
#include "seccomp/stages.h"

extern const char systrap_stub_image[], systrap_stub_image_end[];

#define IMAGE_LEN ((size_t)(systrap_stub_image_end - systrap_stub_image))
#define FPU_LEAF 0xd

#define VVAR_MAX 16

/* How many pages of vvar lie below the vdso: the same in every process of this kernel. /proc may
 * not be there to ask; but of the areas that may be below only vvar is device memory (VM_IO), for
 * which this advice fails.
 */
static void find_vdso(struct stub_const *k)
{
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)vdso;
	uint64_t n = 0;

	if (!vdso)
		return;

	const Elf64_Phdr *ph = (const Elf64_Phdr *)(vdso + eh->e_phoff);

	for (unsigned i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_memsz > k->vdso_len)
			k->vdso_len = (ph[i].p_memsz + 4095) & ~4095ULL;
	while (n < VVAR_MAX &&
	       madvise((void *)(uintptr_t)(vdso - (n + 1) * 4096), 4096, MADV_DOFORK) < 0 &&
	       errno == EINVAL)
		n++;
	k->vvar_len = n * 4096;
	if (k->vdso_len)
		systrap.vdso_base = systrap.band + STUB_VDSO + k->vvar_len;
}

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}

/* What the processor must have: xsave, and base registers that user code may write. */
static int check_cpu(struct stub_const *k)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	if (!(r[2] & (1U << 27))) /* OSXSAVE */
		return -EOPNOTSUPP;
	if (!(getauxval(AT_HWCAP2) & 2)) /* HWCAP2_FSGSBASE */
		return -EOPNOTSUPP;
	cpuid(7, 0, r);
	k->has_rdpid = (r[2] >> 22) & 1;
	cpuid(FPU_LEAF, 0, r);
	systrap.fpu_size = r[1]; /* for the features enabled in XCR0 */
	if (systrap.fpu_size < 576 || systrap.fpu_size > SLOT_FPU_SIZE ||
	    2 * (systrap.fpu_size + 1536) > SLOT_ALT_SIZE)
		return -EOPNOTSUPP;
	return 0;
}

static int choose_band(void)
{
	uint64_t r;

	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		return -EIO;
	/* 2 MiB aligned, between the guest's end and the end of the address space less the band. */
	uint64_t lo = STUB_TASK_SIZE + 0x10000000ULL, hi = 0x7fff00000000ULL - STUB_BAND_SIZE;

	systrap.band = lo + (r % ((hi - lo) >> 21) << 21);
	return 0;
}

static void fill_const(struct stub_const *k)
{
	uint64_t at = systrap.band + STUB_CONST;

	k->ok = 1;
	k->enomem = 1ULL + (1ULL << 8);
	k->error = 1ULL + (1ULL << 16);
	k->band = systrap.band;
	k->image_len = IMAGE_LEN;
	k->text = systrap.band;
	k->text_len = (IMAGE_LEN + 4095) & ~4095ULL;
	k->parent = (uint64_t)getpid();
	/* The helper's recvmsg: one byte, one descriptor. The header is read-only for the stub, so
	 * that no guest thread can aim it elsewhere; the call then fails with EFAULT after the work
	 * is done. */
	k->msghdr[2] = at + offsetof(struct stub_const, msg_iov);
	k->msghdr[3] = 1;
	k->msghdr[4] = systrap.band + STUB_SCRATCH;
	k->msghdr[5] = 64;
	k->msg_iov[0] = systrap.band + STUB_SCRATCH + 128;
	k->msg_iov[1] = 1;
	stub_filters(k, at);
}

/* Between fork and exec, in a process with one thread. @fds end up at their fixed numbers. */
static _Noreturn void exec_zygote(const int *fds, const int *want, int n)
{
	int high[STUB_FD_DONE + STUB_N_DONE];
	static char *const argv[] = {(char *)"sentry-stub", NULL};
	static char *const envp[] = {NULL};

	/* First out of the way of the numbers to be filled. */
	for (int i = 0; i < n; i++) {
		high[i] = fcntl(fds[i], F_DUPFD, 64);
		if (high[i] < 0)
			_exit(30);
	}
	for (int i = 0; i < n; i++)
		if (dup2(high[i], want[i]) < 0)
			_exit(31);
	/* As much as the host lets us: what the stub's filters allow needs neither files nor
	 * privileges. */
	(void)stage_root();
	(void)stage_caps();
	(void)stage_nnp();
	syscall(SYS_execveat, STUB_FD_IMAGE, "", argv, envp, AT_EMPTY_PATH);
	_exit(32);
}

static int seal_image(int *ret)
{
	int fd = host_memfd("stub");

	if (fd < 0)
		return fd;
	for (size_t done = 0; done < IMAGE_LEN;) {
		ssize_t n = write(fd, systrap_stub_image + done, IMAGE_LEN - done);

		if (n <= 0) {
			close(fd);
			return -EIO;
		}
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
		close(fd);
		return -errno;
	}
	*ret = fd;
	return 0;
}

static int make_fds(int cmd[2], int event[2], int pass[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, cmd) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, event) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pass) < 0)
		return -errno;
	for (int i = 0; i < STUB_N_DONE; i++) {
		systrap.done_fd[i] = eventfd(0, EFD_CLOEXEC);
		if (systrap.done_fd[i] < 0)
			return -errno;
	}
	return 0;
}

int zygote_spawn(const struct plat_config *cfg)
{
	int cmd[2], event[2], pass[2], image = -1;
	void *map;
	int r;

	r = choose_band();
	if (r < 0)
		return r;
	systrap.ctl_fd = host_memfd("stub-control");
	if (systrap.ctl_fd < 0)
		return systrap.ctl_fd;
	if (ftruncate(systrap.ctl_fd, CTL_SIZE) < 0)
		return -errno;
	r = host_map(&map, NULL, CTL_SIZE, 1, systrap.ctl_fd, 0);
	if (r < 0)
		return r;
	systrap.ctl = map;

	struct stub_const *k = map;

	r = check_cpu(k);
	if (r < 0)
		return r;
	fill_const(k);
	find_vdso(k);
	r = make_fds(cmd, event, pass);
	if (r < 0)
		return r;
	r = seal_image(&image);
	if (r < 0)
		return r;

	int fds[6 + STUB_N_DONE] = {cfg->memfd, systrap.ctl_fd, pass[1], cmd[1], event[1], image};
	int want[6 + STUB_N_DONE] = {STUB_FD_MEM, STUB_FD_CTL,	 STUB_FD_PASS,
				     STUB_FD_CMD, STUB_FD_EVENT, STUB_FD_IMAGE};

	for (int i = 0; i < STUB_N_DONE; i++) {
		fds[6 + i] = systrap.done_fd[i];
		want[6 + i] = STUB_FD_DONE + i;
	}
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		exec_zygote(fds, want, 6 + STUB_N_DONE);
	close(image);
	close(cmd[1]);
	close(event[1]);
	systrap.zygote = pid;
	systrap.cmd_fd = cmd[0];
	systrap.event_fd = event[0];
	systrap.pass_fd = pass[0];
	systrap.drain_fd = pass[1];
	r = zygote_answer();
	return r < 0 ? -ECHILD : 0;
}

int zygote_request_stub(uint32_t space, uint32_t slot)
{
	struct zygote_request req = {.op = ZYGOTE_NEW, .space = space, .slot = slot};

	if (send(systrap.cmd_fd, &req, sizeof(req), MSG_NOSIGNAL) != sizeof(req))
		return -EAGAIN;
	return 0;
}

int zygote_answer(void)
{
	struct zygote_reply reply;
	ssize_t n;

	do
		n = recv(systrap.cmd_fd, &reply, sizeof(reply), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(reply) ? reply.result : -EAGAIN;
}
