/* SPDX-License-Identifier: Apache-2.0 */
/* Host calls of the sandbox's memory file beyond mapping it. */
#include "host/extent.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/rule.h"

#define MEMBARRIER_GLOBAL 1

HOST_SYSCALL(pwrite64);
HOST_SYSCALL(lseek);
HOST_SYSCALL(fstat);
HOST_SYSCALL(newfstatat); /* glibc's fstat */
HOST_SYSCALL(membarrier, HOST_INT(0, MEMBARRIER_GLOBAL));

ssize_t host_fill(int fd, const void *src, size_t len, uint64_t off)
{
	ssize_t n = pwrite(fd, src, len, (off_t)off);

	return n < 0 ? -errno : n;
}

uint64_t host_seek_data(int fd, uint64_t off)
{
	off_t at = lseek(fd, (off_t)off, SEEK_DATA);

	if (at >= 0)
		return (uint64_t)at;
	return errno == ENXIO ? UINT64_MAX : off; /* in doubt it is data */
}

uint64_t host_used_bytes(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}

int host_membarrier(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_GLOBAL, 0, 0) < 0 ? -errno : 0;
}
