/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes, FIFOs, eventfd, timerfd, signalfd, poll, select. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *err(long r)
{
	static char buf[4][32];
	static int at;
	char *b = buf[at++ & 3];

	if (r < 0)
		snprintf(b, 32, "%s", strerrorname_np(errno));
	else
		snprintf(b, 32, "%ld", r);
	return b;
}

static char big[200000];

static void pipes(void)
{
	int p[2], n;

	printf("pipe2 flags %s\n", err(pipe2(p, 0x4)));
	printf("pipe ptr %s\n", err(pipe((int *)8)));
	pipe2(p, O_NONBLOCK | O_CLOEXEC);
	printf("read empty %s\n", err(read(p[0], big, 10)));
	printf("fill %s\n", err(write(p[1], big, sizeof(big))));
	printf("full %s\n", err(write(p[1], big, 1)));
	ioctl(p[0], FIONREAD, &n);
	printf("FIONREAD %d size %d\n", n, fcntl(p[0], F_GETPIPE_SZ));
	printf("read %s\n", err(read(p[0], big, 4095)));
	printf("4096 into 4095 free %s\n", err(write(p[1], big, 4096)));
	printf("read %s\n", err(read(p[0], big, 1)));
	printf("4096 into 4096 %s\n", err(write(p[1], big, 4096)));
	printf("wrong end %s %s\n", err(read(p[1], big, 1)), err(write(p[0], big, 1)));
	printf("lseek %s\n", err(lseek(p[0], 0, SEEK_SET)));
	printf("pread %s\n", err(pread(p[0], big, 1, 0)));
	printf("setsz %s\n", err(fcntl(p[0], F_SETPIPE_SZ, 4096)));
	while (read(p[0], big, sizeof(big)) > 0)
		;
	printf("setsz %s\n", err(fcntl(p[0], F_SETPIPE_SZ, 100000)));
	printf("bad ptr %s\n", err(write(p[1], (void *)8, 10)));
	write(p[1], "x", 1);
	printf("bad read %s\n", err(read(p[0], (void *)8, 10)));
	close(p[1]);
	printf("drain %s eof %s\n", err(read(p[0], big, 10)), err(read(p[0], big, 10)));
	close(p[0]);
	pipe(p);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	printf("EPIPE %s\n", err(write(p[1], "x", 1)));
	close(p[1]);
}

static void transfer(void)
{
	int p[2], st;
	unsigned sum = 0;
	ssize_t n;

	pipe(p);
	if (fork() == 0) {
		close(p[0]);
		for (int i = 0; i < 50; i++) {
			memset(big, i, sizeof(big));
			if (write(p[1], big, sizeof(big)) != sizeof(big))
				_exit(1);
		}
		_exit(0);
	}
	close(p[1]);
	size_t total = 0;

	while ((n = read(p[0], big, 7777)) > 0) {
		total += (size_t)n;
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + (unsigned char)big[i];
	}
	wait(&st);
	printf("transferred %zu sum %u status %d\n", total, sum, st);
	close(p[0]);
}

static void fifos(void)
{
	char name[] = "/tmp/fifo.XXXXXX";
	int fd;

	mktemp(name);
	printf("mkfifo %s\n", err(mkfifo(name, 0600)));
	printf("wronly nonblock %s\n", err(open(name, O_WRONLY | O_NONBLOCK)));
	fd = open(name, O_RDONLY | O_NONBLOCK);
	struct pollfd pf = { fd, POLLIN, 0 };

	printf("never written: poll %s", err(poll(&pf, 1, 0)));
	printf(" %x\n", (unsigned)pf.revents);
	printf("read %s\n", err(read(fd, big, 1)));
	int w = open(name, O_WRONLY);

	write(w, "hello", 5);
	printf("poll %s", err(poll(&pf, 1, 0)));
	printf(" %x\n", (unsigned)pf.revents);
	close(w);
	printf("read %s\n", err(read(fd, big, 10)));
	poll(&pf, 1, 0);
	printf("hangup %x\n", (unsigned)pf.revents);
	close(fd);
	if (fork() == 0) {
		fd = open(name, O_WRONLY);
		write(fd, "late", 4);
		_exit(0);
	}
	fd = open(name, O_RDONLY);
	printf("blocking open, read %s\n", err(read(fd, big, 10)));
	wait(NULL);
	struct stat st;

	fstat(fd, &st);
	printf("is fifo %d\n", S_ISFIFO(st.st_mode));
	close(fd);
	unlink(name);
}

static void counters(void)
{
	uint64_t v = 3;
	int e = eventfd(2, EFD_NONBLOCK), s = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);

	printf("event short %s\n", err(read(e, &v, 4)));
	v = 3;
	printf("event write %s\n", err(write(e, &v, 8)));
	printf("event read %s", err(read(e, &v, 8)));
	printf(" = %llu\n", (unsigned long long)v);
	printf("event empty %s\n", err(read(e, &v, 8)));
	v = UINT64_MAX;
	printf("event max %s\n", err(write(e, &v, 8)));
	v = UINT64_MAX - 1;
	printf("event max-1 %s\n", err(write(e, &v, 8)));
	v = 1;
	printf("event full %s\n", err(write(e, &v, 8)));
	struct pollfd pf = { e, POLLIN | POLLOUT, 0 };

	poll(&pf, 1, 0);
	printf("poll %x\n", (unsigned)pf.revents);
	for (int i = 0; i < 4; i++) {
		printf("sem %s", err(read(s, &v, 8)));
		printf(" %llu\n", (unsigned long long)v);
	}
	printf("flags %s\n", err(eventfd(0, 0x40)));
}

static void timers(void)
{
	struct itimerspec its = { .it_value = { 0, 20000000 }, .it_interval = { 0, 10000000 } }, cur;
	int t = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t v = 0;

	printf("clock %s\n", err(timerfd_create(99, 0)));
	printf("settime %s\n", err(timerfd_settime(t, 0, &its, NULL)));
	printf("first %s", err(read(t, &v, 8)));
	printf(" %d\n", v >= 1);
	usleep(55000);
	read(t, &v, 8);
	printf("several %d\n", v >= 3 && v < 60);
	timerfd_gettime(t, &cur);
	printf("interval %ld armed %d\n", cur.it_interval.tv_nsec, cur.it_value.tv_nsec > 0);
	memset(&its, 0, sizeof(its));
	printf("disarm %s\n", err(timerfd_settime(t, 0, &its, &cur)));
	fcntl(t, F_SETFL, O_NONBLOCK);
	printf("disarmed %s\n", err(read(t, &v, 8)));
	its.it_value.tv_nsec = 2000000000;
	printf("bad time %s\n", err(timerfd_settime(t, 0, &its, NULL)));
	its = (struct itimerspec){ .it_value = { 1, 0 } };
	printf("abs past %s", err(timerfd_settime(t, TFD_TIMER_ABSTIME, &its, NULL)));
	printf(" read %s\n", err(read(t, &v, 8)));
	printf("not a timer %s\n", err(timerfd_settime(0, 0, &its, NULL)));
	close(t);
}

static void signals(void)
{
	struct signalfd_siginfo si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int s = signalfd(-1, &set, SFD_NONBLOCK);

	printf("empty %s\n", err(read(s, &si, sizeof(si))));
	kill(getpid(), SIGUSR1);
	union sigval val = { .sival_int = 77 };

	sigqueue(getpid(), SIGRTMIN + 1, val);
	struct pollfd pf = { s, POLLIN, 0 };

	printf("poll %s\n", err(poll(&pf, 1, 100)));
	printf("read %s", err(read(s, &si, sizeof(si))));
	printf(" signo %d code %d pid %d\n", si.ssi_signo == SIGUSR1, si.ssi_code, si.ssi_pid == (uint32_t)getpid());
	read(s, &si, sizeof(si));
	printf("rt %d code %d int %d\n", si.ssi_signo == (uint32_t)SIGRTMIN + 1, si.ssi_code, si.ssi_int);
	printf("empty %s\n", err(read(s, &si, sizeof(si))));
	printf("short %s\n", err(read(s, &si, 10)));
	close(s);
}

static void polls(void)
{
	int p[2];
	struct pollfd pf[3];
	struct timeval tv = { 0, 20000 };
	struct timespec ts = { 0, 20000000 };
	fd_set r, w;

	pipe(p);
	pf[0] = (struct pollfd){ p[0], POLLIN, 0 };
	pf[1] = (struct pollfd){ p[1], POLLOUT, 0 };
	pf[2] = (struct pollfd){ 99, POLLIN, 0 };
	printf("poll %s", err(poll(pf, 3, 0)));
	printf(" %x %x %x\n", (unsigned)pf[0].revents, (unsigned)pf[1].revents, (unsigned)pf[2].revents);
	pf[1].fd = -1;
	printf("timeout %s\n", err(poll(pf, 2, 20)));
	printf("ptr %s\n", err(poll((void *)8, 1, 0)));
	printf("many %s\n", err(poll(pf, 1u << 30, 0)));
	printf("none %s\n", err(poll(NULL, 0, 10)));
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	printf("select %s", err(select(p[1] + 1, &r, &w, NULL, &tv)));
	printf(" r %d w %d\n", FD_ISSET(p[0], &r) != 0, FD_ISSET(p[1], &w) != 0);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	printf("select timeout %s", err(select(p[0] + 1, &r, NULL, NULL, &tv)));
	printf(" left %ld r %d\n", tv.tv_usec, FD_ISSET(p[0], &r) != 0);
	/* Below 64: Linux ignores what lies beyond the table, and the table may be as small as that. */
	close(50);
	FD_SET(50, &r);
	printf("select bad %s\n", err(select(51, &r, NULL, NULL, &tv)));
	printf("select -1 %s\n", err(select(-1, NULL, NULL, NULL, &tv)));
	printf("ppoll %s\n", err(ppoll(pf, 1, &ts, NULL)));
	ts.tv_nsec = 2000000000;
	printf("ppoll bad %s\n", err(ppoll(pf, 1, &ts, NULL)));
	write(p[1], "x", 1);
	printf("ready %s\n", err(poll(pf, 1, -1)));
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pipes();
	transfer();
	fifos();
	counters();
	timers();
	signals();
	polls();
	return 0;
}
