/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory: memory files and mappings. */
#include "host/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/rule.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

/* What glibc's allocator and pthread stacks need, and what is below. The executable bit must be
 * clear. */
HOST_SYSCALL(mmap, HOST_MASK(2, PROT_EXEC, 0));
HOST_SYSCALL(mprotect, HOST_MASK(2, PROT_EXEC, 0));
HOST_SYSCALL(munmap);
HOST_SYSCALL(mremap); /* realloc */
HOST_SYSCALL(brk);
HOST_SYSCALL(madvise);
HOST_SYSCALL(mincore);
HOST_SYSCALL(fallocate);

int host_memfd(const char *name)
{
	/* Guests execute from it: say so where the host wants to hear it. */
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int map(void **ret, void *addr, size_t len, int prot, int flags, int fd, uint64_t off)
{
	void *p = mmap(addr, len, prot, flags | (addr ? MAP_FIXED : 0), fd, (off_t)off);

	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

int host_map(void **ret, void *addr, size_t len, int write, int fd, uint64_t off)
{
	return map(ret, addr, len, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, off);
}

int host_reserve(void **ret, size_t len)
{
	return map(ret, NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int host_map_anon(void **ret, size_t len)
{
	return map(ret, NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int host_map_none(void *addr, size_t len)
{
	void *p;

	return map(&p, addr, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int host_unmap(void *addr, size_t len)
{
	return munmap(addr, len) < 0 ? -errno : 0;
}

int host_madvise(void *addr, size_t len, int advice)
{
	return madvise(addr, len, advice) < 0 ? -errno : 0;
}

int host_mincore(void *addr, size_t len, unsigned char *vec)
{
	return mincore(addr, len, vec) < 0 ? -errno : 0;
}

int host_punch(int fd, uint64_t off, uint64_t len)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) < 0
		       ? -errno
		       : 0;
}
