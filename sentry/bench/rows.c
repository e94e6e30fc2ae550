/* SPDX-License-Identifier: Apache-2.0 */
/* The guest side of the benchmark: small works, each timed alone, printed as "name value unit"
 * lines. Runs the same natively, under runc, gVisor's runsc and ours. `rows [name...]` runs only
 * the named ones.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char buf[1 << 20];
static const char *self;

static void fail(const char *what)
{
	fprintf(stderr, "rows: %s: %s\n", what, strerror(errno));
	exit(1);
}

#define OK(x)                                                                                      \
	({                                                                                         \
		long ok_ = (long)(x);                                                              \
		if (ok_ < 0)                                                                       \
			fail(#x);                                                                  \
		ok_;                                                                               \
	})

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Each work does @n repetitions and returns the time they took, ns. */
typedef double work_fn(long n);

static double w_getpid_syscall(long n)
{
	double t = now();

	for (long i = 0; i < n; i++)
		syscall(SYS_getpid);
	return now() - t;
}

static double w_getppid(long n)
{
	double t = now();

	for (long i = 0; i < n; i++)
		getppid();
	return now() - t;
}

static double w_lseek(long n)
{
	int fd = (int)OK(open("/dev/zero", O_RDONLY));
	double t = now();

	for (long i = 0; i < n; i++)
		lseek(fd, 0, SEEK_CUR);
	t = now() - t;
	close(fd);
	return t;
}

static double w_clock(long n)
{
	struct timespec ts;
	double t = now();

	for (long i = 0; i < n; i++)
		clock_gettime(CLOCK_MONOTONIC, &ts);
	return now() - t;
}

static double w_read_zero(long n)
{
	int fd = (int)OK(open("/dev/zero", O_RDONLY));
	double t = now();

	for (long i = 0; i < n; i++)
		OK(read(fd, buf, 1));
	t = now() - t;
	close(fd);
	return t;
}

static double w_pipe(long n)
{
	int p[2];

	OK(pipe(p));
	double t = now();

	for (long i = 0; i < n; i++) {
		OK(write(p[1], buf, 4096));
		OK(read(p[0], buf, 4096));
	}
	t = now() - t;
	close(p[0]);
	close(p[1]);
	return t;
}

static double w_epoll(long n)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int p[2], ep = (int)OK(epoll_create1(0));

	OK(pipe(p));
	OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	double t = now();

	for (long i = 0; i < n; i++)
		OK(epoll_wait(ep, &ev, 1, 0));
	t = now() - t;
	close(p[0]);
	close(p[1]);
	close(ep);
	return t;
}

static int tmp_file(char *path)
{
	strcpy(path, "/tmp/rows-XXXXXX");
	int fd = (int)OK(mkstemp(path));

	OK(write(fd, buf, 1 << 20));
	return fd;
}

static double transfer(long n, size_t len, int writes)
{
	char path[64];
	int fd = tmp_file(path);
	double t = now();

	for (long i = 0; i < n; i++)
		OK(writes ? pwrite(fd, buf, len, (off_t)(i & 7) * 4096)
			  : pread(fd, buf, len, (off_t)(i & 7) * 4096));
	t = now() - t;
	close(fd);
	unlink(path);
	return t;
}

static double w_pread4k(long n)
{
	return transfer(n, 4096, 0);
}
static double w_pread64k(long n)
{
	return transfer(n, 65536, 0);
}
static double w_pwrite4k(long n)
{
	return transfer(n, 4096, 1);
}

static double w_open_close(long n)
{
	char path[64];
	int fd = tmp_file(path);
	double t = now();

	for (long i = 0; i < n; i++)
		close((int)OK(open(path, O_RDONLY)));
	t = now() - t;
	close(fd);
	unlink(path);
	return t;
}

static double w_stat(long n)
{
	struct stat st;
	char path[64];
	int fd = tmp_file(path);
	double t = now();

	for (long i = 0; i < n; i++)
		OK(stat(path, &st));
	t = now() - t;
	close(fd);
	unlink(path);
	return t;
}

static double w_creat_unlink(long n)
{
	double t = now();

	for (long i = 0; i < n; i++) {
		close((int)OK(open("/tmp/rows-file", O_CREAT | O_EXCL | O_WRONLY, 0600)));
		OK(unlink("/tmp/rows-file"));
	}
	return now() - t;
}

static _Atomic uint32_t ball;

static void futex_turn(uint32_t mine, long n)
{
	for (long i = 0; i < n; i++) {
		while (atomic_load(&ball) != mine)
			syscall(SYS_futex, &ball, FUTEX_WAIT_PRIVATE, !mine, NULL);
		atomic_store(&ball, !mine);
		syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1);
	}
}

static void *futex_peer(void *arg)
{
	futex_turn(1, (long)(intptr_t)arg);
	return NULL;
}

static double w_futex(long n)
{
	pthread_t th;

	atomic_store(&ball, 0);
	pthread_create(&th, NULL, futex_peer, (void *)(intptr_t)n);
	double t = now();

	futex_turn(0, n);
	pthread_join(th, NULL);
	return now() - t;
}

/* One byte to a process and back, over descriptors a (ours) and b (the peer's). */
static double ping(long n, int out, int in, int peer_in, int peer_out)
{
	char c = 0;
	pid_t pid = (pid_t)OK(fork());

	if (pid == 0) {
		for (long i = 0; i < n; i++) {
			if (read(peer_in, &c, 1) != 1 || write(peer_out, &c, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	double t = now();

	for (long i = 0; i < n; i++) {
		OK(write(out, &c, 1));
		OK(read(in, &c, 1));
	}
	t = now() - t;
	waitpid(pid, NULL, 0);
	return t;
}

static double w_pipe_ping(long n)
{
	int a[2], b[2];

	OK(pipe(a));
	OK(pipe(b));
	double t = ping(n, a[1], b[0], a[0], b[1]);

	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	return t;
}

static double w_unix_ping(long n)
{
	int s[2];

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	double t = ping(n, s[0], s[0], s[1], s[1]);

	close(s[0]);
	close(s[1]);
	return t;
}

static int listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = (int)OK(socket(AF_INET, SOCK_STREAM, 0));

	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	OK(bind(fd, (struct sockaddr *)at, sizeof(*at)));
	OK(listen(fd, 128));
	OK(getsockname(fd, (struct sockaddr *)at, &len));
	return fd;
}

static int dial(const struct sockaddr_in *at)
{
	int one = 1, fd = (int)OK(socket(AF_INET, SOCK_STREAM, 0));

	OK(connect(fd, (const struct sockaddr *)at, sizeof(*at)));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static double w_tcp_rr(long n)
{
	struct sockaddr_in at;
	int l = listener(&at), one = 1;
	pid_t pid = (pid_t)OK(fork());
	char c = 0;

	if (pid == 0) {
		int fd = accept(l, NULL, NULL);

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		while (read(fd, &c, 1) == 1)
			if (write(fd, &c, 1) != 1)
				break;
		_exit(0);
	}
	int fd = dial(&at);
	double t = now();

	for (long i = 0; i < n; i++) {
		OK(write(fd, &c, 1));
		OK(read(fd, &c, 1));
	}
	t = now() - t;
	close(fd);
	close(l);
	waitpid(pid, NULL, 0);
	return t;
}

static double w_tcp_crr(long n)
{
	struct sockaddr_in at;
	int l = listener(&at);
	pid_t pid = (pid_t)OK(fork());
	char c = 0;

	if (pid == 0) {
		for (long i = 0; i < n; i++) {
			int fd = accept(l, NULL, NULL);

			if (read(fd, &c, 1) == 1 && write(fd, &c, 1) != 1)
				_exit(1);
			close(fd);
		}
		_exit(0);
	}
	double t = now();

	for (long i = 0; i < n; i++) {
		int fd = dial(&at);

		OK(write(fd, &c, 1));
		OK(read(fd, &c, 1));
		close(fd);
	}
	t = now() - t;
	close(l);
	waitpid(pid, NULL, 0);
	return t;
}

/* @n blocks of 64 KiB. */
static double w_tcp_bulk(long n)
{
	struct sockaddr_in at;
	int l = listener(&at);
	pid_t pid = (pid_t)OK(fork());

	if (pid == 0) {
		int fd = accept(l, NULL, NULL);

		while (read(fd, buf, 262144) > 0)
			;
		_exit(0);
	}
	int fd = dial(&at);
	double t = now();

	for (long i = 0; i < n; i++)
		for (size_t done = 0; done < 65536;)
			done += (size_t)OK(write(fd, buf + done, 65536 - done));
	shutdown(fd, SHUT_WR);
	waitpid(pid, NULL, 0);
	t = now() - t;
	close(fd);
	close(l);
	return t;
}

static double w_touch(long n)
{
	size_t len = (size_t)n * 4096;
	double t = now();
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	for (size_t i = 0; i < len; i += 4096)
		((volatile char *)p)[i] = 1;
	t = now() - t;
	munmap(p, len);
	return t;
}

static double w_mmap(long n)
{
	double t = now();

	for (long i = 0; i < n; i++) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (p == MAP_FAILED)
			fail("mmap");
		for (int k = 0; k < 16; k++)
			((volatile char *)p)[k * 4096] = 1;
		munmap(p, 65536);
	}
	return now() - t;
}

static double w_mprotect(long n)
{
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, 65536);
	double t = now();

	for (long i = 0; i < n; i++) {
		OK(mprotect(p, 4096, PROT_READ));
		OK(mprotect(p, 4096, PROT_READ | PROT_WRITE));
	}
	t = now() - t;
	munmap(p, 65536);
	return t;
}

static double w_fork(long n)
{
	double t = now();

	for (long i = 0; i < n; i++) {
		pid_t pid = (pid_t)OK(fork());

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return now() - t;
}

static double w_exec(long n)
{
	double t = now();

	for (long i = 0; i < n; i++) {
		pid_t pid = (pid_t)OK(vfork());

		if (pid == 0) {
			execl(self, self, "--exit", (char *)NULL);
			_exit(127);
		}
		waitpid(pid, NULL, 0);
	}
	return now() - t;
}

static void *nothing(void *arg)
{
	return arg;
}

static double w_thread(long n)
{
	double t = now();

	for (long i = 0; i < n; i++) {
		pthread_t th;

		if (pthread_create(&th, NULL, nothing, NULL) != 0)
			fail("pthread_create");
		pthread_join(th, NULL);
	}
	return now() - t;
}

static const struct {
	const char *name;
	work_fn *fn;
	long n;
} works[] = {
	{"getpid", w_getpid_syscall, 300000},
	{"getppid", w_getppid, 300000},
	{"lseek", w_lseek, 200000},
	{"clock_gettime", w_clock, 1000000},
	{"read_zero", w_read_zero, 200000},
	{"pipe_4k", w_pipe, 50000},
	{"epoll_wait_0", w_epoll, 100000},
	{"pread_4k", w_pread4k, 50000},
	{"pread_64k", w_pread64k, 10000},
	{"pwrite_4k", w_pwrite4k, 50000},
	{"open_close", w_open_close, 20000},
	{"stat", w_stat, 50000},
	{"creat_unlink", w_creat_unlink, 5000},
	{"futex_ping", w_futex, 5000},
	{"pipe_ping", w_pipe_ping, 3000},
	{"unix_ping", w_unix_ping, 3000},
	{"tcp_rr", w_tcp_rr, 3000},
	{"tcp_crr", w_tcp_crr, 1000},
	{"tcp_bulk_64k", w_tcp_bulk, 5000},
	{"touch_4k", w_touch, 16384},
	{"mmap_64k", w_mmap, 2000},
	{"mprotect_pair", w_mprotect, 10000},
	{"fork_wait", w_fork, 200},
	{"vfork_exec_wait", w_exec, 200},
	{"thread_join", w_thread, 1000},
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--exit"))
		return 0;
	self = argv[0];
	for (size_t i = 0; i < sizeof(works) / sizeof(*works); i++) {
		int wanted = argc == 1;

		for (int k = 1; k < argc; k++)
			wanted |= !strcmp(argv[k], works[i].name);
		if (!wanted)
			continue;
		works[i].fn(works[i].n / 10 + 1);

		double t = works[i].fn(works[i].n);

		printf("%s %.1f ns\n", works[i].name, t / (double)works[i].n);
		fflush(stdout);
	}
	return 0;
}
