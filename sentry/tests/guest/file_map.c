/* SPDX-License-Identifier: Apache-2.0 */
/* mmap of files: shared, private, coherence with read and write, truncation, memfd and its seals. */
#include "file_util.h"

#include <setjmp.h>

static sigjmp_buf jump;
static volatile int bus_code;

static void on_bus(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	bus_code = si->si_code;
	siglongjmp(jump, 1);
}

static void shared(void)
{
	int fd = open("m", O_CREAT | O_RDWR, 0600);
	char buf[16] = { 0 };

	SHOW(ftruncate(fd, 10000));
	char *a = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *b = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	char *c = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(a != MAP_FAILED && b != MAP_FAILED && c != MAP_FAILED);
	strcpy(a + 4096, "mapped");
	printf("%s\n", b); /* whether the private one sees it is unspecified (mmap(2)) */
	SHOW(pread(fd, buf, 6, 4096));
	printf("%s\n", buf);
	SHOW(pwrite(fd, "WR", 2, 4096));
	printf("%s\n", b);
	strcpy(c + 4096, "private");
	printf("%s %s\n", a + 4096, c + 4096);
	SHOW(msync(a, 4096, MS_SYNC));
	SHOW(pwrite(fd, "later", 5, 9000));
	printf("%s\n", a + 9000);
	CHECK(a[10000] == 0);
	close(fd);
	a[0] = 'z'; /* the mapping keeps the file */
	pid_t pid = fork();
	if (pid == 0) {
		a[1] = 'c';
		c[1] = 'c';
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("%c %d\n", a[1], c[1] == 'c' && a[1] != 'c');
	munmap(a, 12288);
	munmap(b, 4096);
	munmap(c, 12288);
	show_stat("m");
}

static void beyond(void)
{
	int fd = open("t", O_CREAT | O_RDWR, 0600);

	ftruncate(fd, 8192);
	volatile char *a = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	a[5000] = 1;
	handle(SIGBUS, on_bus, 0);
	if (sigsetjmp(jump, 1) == 0) {
		a[8192] = 1;
		printf("not reached\n");
	}
	printf("SIGBUS code %d\n", bus_code);
	ftruncate(fd, 4096);
	if (sigsetjmp(jump, 1) == 0) {
		printf("%d\n", a[5000]);
		printf("not reached\n");
	}
	printf("SIGBUS code %d\n", bus_code);
	ftruncate(fd, 8192);
	printf("%d\n", a[5000]); /* zero again */
	SHOW(write(fd, (char *)a + 12288, 10));
	close(fd);
}

static void refusals(void)
{
	int ro = open("t", O_RDONLY);
	int wo = open("t", O_WRONLY);
	int dir = open(".", O_RDONLY);

	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0) != MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, wo, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, dir, 0) == MAP_FAILED && errno == ENODEV);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 100) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_SHARED, ro, 0) == MAP_FAILED && errno == EINVAL);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
	SHOW(mprotect(p, 4096, PROT_READ | PROT_WRITE));
	int zero = open("/dev/zero", O_RDWR);
	char *z = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
	CHECK(z != MAP_FAILED && z[100] == 0);
}

static void memfds(void)
{
	int fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char buf[8] = { 0 };

	CHECK(fd >= 0);
	SHOW(fcntl(fd, F_GETFD));
	SHOW(fcntl(fd, F_GET_SEALS));
	SHOW(write(fd, "data", 4));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	SHOW(ftruncate(fd, 2));
	SHOW(ftruncate(fd, 100));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	SHOW(ftruncate(fd, 200));
	SHOW(pwrite(fd, "xx", 2, 99));
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	munmap(p, 4096);
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	SHOW(pwrite(fd, "x", 1, 0));
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	SHOW(fcntl(fd, F_ADD_SEALS, 0));
	SHOW(fcntl(fd, F_GET_SEALS));
	SHOW(pread(fd, buf, 4, 0));
	printf("%s\n", buf);
	int plain = memfd_create("p", 0);
	SHOW(fcntl(plain, F_GET_SEALS));
	SHOW(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
	SHOW(memfd_create("x", 0x8000));
	char name[300];
	memset(name, 'n', 299);
	name[299] = 0;
	SHOW(memfd_create(name, 0));
	SHOW(fcntl(0, F_GET_SEALS));
}

int main(void)
{
	enter_work_dir();
	shared();
	beyond();
	refusals();
	memfds();
	return 0;
}
